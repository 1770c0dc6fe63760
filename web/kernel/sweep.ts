// The sweep of src/playground/sweep.js in WebAssembly, by vectors of four float32 numbers: what the
// tables of a network make of some pairs. It is AssemblyScript; `npm run build` compiles it.
//
// Arrays stand where `fast.js` puts them; a name here is the byte at which one begins. H neurons and
// W columns, of which C are answers, are multiples of eight; a tile has T pairs.

const T: i32 = 32;

@external("math", "log") declare function log(x: f64): f64;
@external("math", "log1p") declare function log1p(x: f64): f64;

/** How many pairs were right in the last sweep. */
export let right: i32 = 0;

/**
 * The mean loss over the pairs, in nats. With `gU`, the gradients are added to those there; with
 * `certainty`, each pair's probability of its answer stands there, below 0 where another is likelier.
 */
export function sweep(
  H: i32, W: i32, C: i32, nB: i32, isSquare: bool, count: i32, pairs: usize, answers: usize,
  L: usize, R: usize, U: usize, turned: usize, gL: usize, gR: usize, gU: usize,
  pre: usize, post: usize, logits: usize, back: usize, certainty: usize,
): f64 {
  let loss: f64 = 0;
  right = 0;
  if (gU) transpose(U, H, W, turned);
  for (let from: i32 = 0; from < count; from += T) {
    const size = min(T, count - from);
    const tile = pairs + (<usize>from << 2);
    hide(H, nB, isSquare, tile, size, L, R, pre, post);
    multiply(post, U, logits, H, W);
    for (let i: i32 = 0; i < size; i++) {
      const pair = load<i32>(tile + (<usize>i << 2));
      loss += softmax(logits + (<usize>(i * W) << 2), C, W, load<u8>(answers + pair), count, certainty + (<usize>pair << 2));
    }
    if (!gU) continue;
    memory.fill(logits + (<usize>(size * W) << 2), 0, <usize>((T - size) * W) << 2);
    addTransposed(post, logits, gU, H, W);
    multiply(logits, turned, back, W, H);
    spread(H, nB, isSquare, tile, size, pre, back, gL, gR);
  }
  return loss / <f64>count;
}

/** The hidden layer of a tile; its missing rows are 0. */
function hide(H: i32, nB: i32, isSquare: bool, tile: usize, size: i32, L: usize, R: usize, pre: usize, post: usize): void {
  const row = <usize>H << 2;
  const zero = f32x4.splat(0);
  for (let i: i32 = 0; i < size; i++) {
    const pair = load<i32>(tile + (<usize>i << 2));
    let l = L + <usize>(pair / nB) * row, r = R + <usize>(pair % nB) * row;
    for (const end = l + row; l < end; l += 16, r += 16, pre += 16, post += 16) {
      const x = f32x4.add(v128.load(l), v128.load(r));
      v128.store(pre, x);
      v128.store(post, isSquare ? f32x4.mul(x, x) : f32x4.max(x, zero));
    }
  }
  memory.fill(post, 0, <usize>((T - size) * H) << 2);
}

/** O = A B of a tile's rows: A is T by `inner`, B `inner` by `columns`. */
function multiply(A: usize, B: usize, O: usize, inner: i32, columns: i32): void {
  const rowA = <usize>inner << 2, row = <usize>columns << 2;
  for (let i: i32 = 0; i < T; i += 4, A += rowA << 2, O += row << 2) {
    for (let j: usize = 0; j < row; j += 32) {
      let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0, t0 = s0, t1 = s0, t2 = s0, t3 = s0;
      for (let a = A, b = B + j, end = A + rowA; a < end; a += 4, b += row) {
        const b0 = v128.load(b), b1 = v128.load(b, 16);
        const a0 = v128.load_splat<f32>(a), a1 = v128.load_splat<f32>(a + rowA);
        const a2 = v128.load_splat<f32>(a + 2 * rowA), a3 = v128.load_splat<f32>(a + 3 * rowA);
        s0 = f32x4.add(s0, f32x4.mul(a0, b0)); t0 = f32x4.add(t0, f32x4.mul(a0, b1));
        s1 = f32x4.add(s1, f32x4.mul(a1, b0)); t1 = f32x4.add(t1, f32x4.mul(a1, b1));
        s2 = f32x4.add(s2, f32x4.mul(a2, b0)); t2 = f32x4.add(t2, f32x4.mul(a2, b1));
        s3 = f32x4.add(s3, f32x4.mul(a3, b0)); t3 = f32x4.add(t3, f32x4.mul(a3, b1));
      }
      const o = O + j;
      v128.store(o, s0); v128.store(o, t0, 16);
      v128.store(o + row, s1); v128.store(o + row, t1, 16);
      v128.store(o + 2 * row, s2); v128.store(o + 2 * row, t2, 16);
      v128.store(o + 3 * row, s3); v128.store(o + 3 * row, t3, 16);
    }
  }
}

/** O += Aᵀ B of a tile's rows: A is T by `columnsA`, B T by `columns`. */
function addTransposed(A: usize, B: usize, O: usize, columnsA: i32, columns: i32): void {
  const rowA = <usize>columnsA << 2, row = <usize>columns << 2;
  for (let i: usize = 0; i < rowA; i += 16, O += row << 2) {
    for (let j: usize = 0; j < row; j += 32) {
      const o = O + j;
      let s0 = v128.load(o), t0 = v128.load(o, 16), s1 = v128.load(o + row), t1 = v128.load(o + row, 16);
      let s2 = v128.load(o + 2 * row), t2 = v128.load(o + 2 * row, 16), s3 = v128.load(o + 3 * row), t3 = v128.load(o + 3 * row, 16);
      for (let a = A + i, b = B + j, end = B + j + <usize>T * row; b < end; a += rowA, b += row) {
        const b0 = v128.load(b), b1 = v128.load(b, 16);
        const a0 = v128.load_splat<f32>(a), a1 = v128.load_splat<f32>(a, 4), a2 = v128.load_splat<f32>(a, 8), a3 = v128.load_splat<f32>(a, 12);
        s0 = f32x4.add(s0, f32x4.mul(a0, b0)); t0 = f32x4.add(t0, f32x4.mul(a0, b1));
        s1 = f32x4.add(s1, f32x4.mul(a1, b0)); t1 = f32x4.add(t1, f32x4.mul(a1, b1));
        s2 = f32x4.add(s2, f32x4.mul(a2, b0)); t2 = f32x4.add(t2, f32x4.mul(a2, b1));
        s3 = f32x4.add(s3, f32x4.mul(a3, b0)); t3 = f32x4.add(t3, f32x4.mul(a3, b1));
      }
      v128.store(o, s0); v128.store(o, t0, 16); v128.store(o + row, s1); v128.store(o + row, t1, 16);
      v128.store(o + 2 * row, s2); v128.store(o + 2 * row, t2, 16); v128.store(o + 3 * row, s3); v128.store(o + 3 * row, t3, 16);
    }
  }
}

function transpose(A: usize, rows: i32, columns: i32, O: usize): void {
  for (let i: i32 = 0; i < rows; i++) {
    for (let j: i32 = 0; j < columns; j++, A += 4) store<f32>(O + (<usize>(j * rows + i) << 2), load<f32>(A));
  }
}

/** The loss of a row of logits, which become its gradient over `count`; what fills it up is 0 again.
 * Where the answer's probability rounds to 1, 1 - probability is still right: it is summed over the others. */
function softmax(z: usize, C: i32, W: i32, answer: i32, count: i32, certainty: usize): f64 {
  const least = -f32.MAX_VALUE;
  const mine = z + (<usize>answer << 2), end = z + (<usize>W << 2);
  const own = load<f32>(mine);
  store<f32>(mine, least);
  for (let c = z + (<usize>C << 2); c < end; c += 4) store<f32>(c, least);
  let most = f32x4.splat(least);
  for (let c = z; c < end; c += 16) most = f32x4.max(most, v128.load(c));
  const rival = max(max(f32x4.extract_lane(most, 0), f32x4.extract_lane(most, 1)), max(f32x4.extract_lane(most, 2), f32x4.extract_lane(most, 3)));
  const top = max(own, rival);
  let sum = f32x4.splat(0);
  for (let c = z; c < end; c += 16) {
    const e = exp(f32x4.sub(v128.load(c), f32x4.splat(top)));
    v128.store(c, e);
    sum = f32x4.add(sum, e);
  }
  const rest = f32x4.extract_lane(sum, 0) + f32x4.extract_lane(sum, 1) + f32x4.extract_lane(sum, 2) + f32x4.extract_lane(sum, 3);
  const total = rest + f32x4.extract_lane(exp(f32x4.splat(own - top)), 0);
  const scale: f32 = <f32>1 / (total * <f32>count);
  for (let c = z; c < end; c += 16) v128.store(c, f32x4.mul(v128.load(c), f32x4.splat(scale)));
  store<f32>(mine, -rest * scale);
  const isRight = own > rival;
  right += <i32>isRight;
  const probability: f32 = <f32>1 - rest / total;
  store<f32>(certainty, isRight ? probability : -probability);
  return own == top ? log1p(<f64>rest) : log(<f64>total) + <f64>top - <f64>own;
}

/** e to the x, of x at most 0, to 2e-7; below -87 it is 0. */
function exp(x: v128): v128 {
  const isSmall = f32x4.lt(x, f32x4.splat(-87));
  x = f32x4.max(x, f32x4.splat(-87));
  const n = f32x4.nearest(f32x4.mul(x, f32x4.splat(1.44269504)));
  let r = f32x4.sub(x, f32x4.mul(n, f32x4.splat(0.693359375)));
  r = f32x4.add(r, f32x4.mul(n, f32x4.splat(2.12194440e-4)));
  let p = f32x4.splat(1 / 5040.0);
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1 / 720.0));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1 / 120.0));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1 / 24.0));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1 / 6.0));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(0.5));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1));
  const power = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(127)), 23);
  return v128.andnot(f32x4.mul(p, power), isSmall);
}

/** The gradient at the hidden layer, given to the rows of the tables that made it. */
function spread(H: i32, nB: i32, isSquare: bool, tile: usize, size: i32, pre: usize, back: usize, gL: usize, gR: usize): void {
  const row = <usize>H << 2;
  const zero = f32x4.splat(0);
  for (let i: i32 = 0; i < size; i++) {
    const pair = load<i32>(tile + (<usize>i << 2));
    let l = gL + <usize>(pair / nB) * row, r = gR + <usize>(pair % nB) * row;
    for (const end = l + row; l < end; l += 16, r += 16, pre += 16, back += 16) {
      const x = v128.load(pre), up = v128.load(back);
      const g = isSquare ? f32x4.mul(f32x4.add(x, x), up) : v128.and(up, f32x4.gt(x, zero));
      v128.store(l, f32x4.add(v128.load(l), g));
      v128.store(r, f32x4.add(v128.load(r), g));
    }
  }
}
