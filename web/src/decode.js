// The pictures unpacked: base64, deflated, each frame the difference from the one before.

/** @param {import("./types").Packed} packed @returns {Promise<import("./types").Stack>} */
export async function unpack({ shape: [frames, rows, columns], scale, content }) {
  const packed = Uint8Array.from(atob(content), (x) => x.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const size = rows * columns;
  for (let i = size; i < bytes.length; i++) bytes[i] += bytes[i - size];
  return { frames, rows, columns, scale, levels: new Int8Array(bytes.buffer) };
}

/** A frame of a stack; the last where it has fewer. @param {import("./types").Stack} stack @param {number} frame */
export function frameOf(stack, frame) {
  const size = stack.rows * stack.columns;
  const at = Math.min(frame, stack.frames - 1);
  return stack.levels.subarray(at * size, (at + 1) * size);
}

/** The largest level of a stack's last frame. @param {import("./types").Stack} stack */
export function largestAtEnd(stack) {
  return frameOf(stack, stack.frames - 1).reduce((most, x) => (x === -128 ? most : Math.max(most, Math.abs(x))), 1);
}

/** @param {import("./types").Stack} stack @param {number} level */
export function valueOf(stack, level) {
  return level === -128 ? null : (level / 127) * stack.scale;
}
