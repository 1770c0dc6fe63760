// Loss and gradients of a folded network, for one instruction set.
//
// Compiled once for each, with WIDTH floats in a vector, PANEL vectors in a row of the matrix
// product's tile, and CORE the name of what is defined. Sums are taken in an order that the shapes
// alone decide, so the same numbers come out every time. No template or inline function of the
// standard library may be used here: the linker keeps one copy of such, which may be the one that
// this processor cannot run.
//
// Letters: K = the axis that a product sums over; V = a vector's width; d_x = the gradient at x.

#include "core.h"

#include <math.h>
#include <string.h>

namespace {

constexpr long V = WIDTH;
constexpr long BLOCK = 48;  // pairs at once: what a block needs stays in the cache
constexpr int TILE = 6;     // rows of the tile that a matrix product keeps in registers
constexpr float LOWEST = -3e38f;

// may_alias and aligned(4): a vector is read from any float's address in one instruction. Loads by
// memcpy go through the stack with GCC 12, and are 5 to 15 times slower.
typedef float vec __attribute__((vector_size(4 * WIDTH), aligned(4), may_alias));
typedef int ivec __attribute__((vector_size(4 * WIDTH), aligned(4), may_alias));
#define UNROLL _Pragma("GCC unroll 8")
#define INLINE static inline __attribute__((always_inline))

INLINE vec load(const float* p) { return *reinterpret_cast<const vec*>(p); }
INLINE void store(float* p, vec x) { *reinterpret_cast<vec*>(p) = x; }
INLINE vec all(float x) { return x - vec{}; }
INLINE long least(long x, long y) { return x < y ? x : y; }
INLINE long vectors(long n) { return (n + V - 1) / V; }

// The first `n` numbers of a vector, the others 0.
INLINE vec load_part(const float* p, long n) {
  if (n >= V) return load(p);
  vec x{};
  for (long i = 0; i < n; i++) x[i] = p[i];
  return x;
}

INLINE void store_part(float* p, vec x, long n) {
  if (n >= V) return store(p, x);
  for (long i = 0; i < n; i++) p[i] = x[i];
}

INLINE float sum(vec x) {
  float total = 0;
  for (long i = 0; i < V; i++) total += x[i];
  return total;
}

// --- functions of a vector ---

// e^x: x = n ln 2 + r, and e^r by a polynomial that is off by 4e-9. Below -87 it is 0.
INLINE vec exp_of(vec x) {
  const vec inside = x > 88.0f ? all(88.0f) : x;
  const vec shifted = inside * 1.44269504f + 12582912.0f;  // 1.5 * 2^23: rounds to a whole number
  const vec n = shifted - 12582912.0f;
  const vec r = (inside - n * 0.693359375f) + n * 2.12194440e-4f;
  vec e = r * 1.37514079e-3f + 8.36891634e-3f;
  e = e * r + 4.16695331e-2f;
  e = e * r + 0.166665185f;
  e = e * r + 0.499999886f;
  e = e * r * r + r + 1.0f;
  const vec power = reinterpret_cast<vec>((reinterpret_cast<ivec>(shifted) + 127) << 23);
  return x < -87.0f ? vec{} : e * power;
}

// Each activation gives act(x), and act'(x) in `slope`.
struct Square {
  INLINE vec of(vec x, vec& slope) {
    slope = x + x;
    return x * x;
  }
};
struct Identity {
  INLINE vec of(vec x, vec& slope) {
    slope = all(1.0f);
    return x;
  }
};
struct Relu {
  INLINE vec of(vec x, vec& slope) {
    slope = x > 0.0f ? all(1.0f) : vec{};
    return x > 0.0f ? x : x != x ? x : vec{};
  }
};
struct Gelu {  // x Phi(x), where Phi(-|x|) = erfc(|x| / sqrt 2) / 2 = t P(t) e^(-x^2 / 2)
  INLINE vec of(vec x, vec& slope) {
    const vec size = x < 0.0f ? -x : x, bell = exp_of(x * x * -0.5f);
    const vec t = 1.0f / (size * 0.353553391f + 1.0f);
    vec P = t * -3.00543e-2f + 0.144723091f;
    P = P * t - 0.248415941f;
    P = P * t + 0.144257573f;
    P = P * t - 1.66995147e-2f;
    P = P * t + 0.10268019f;
    P = P * t + 0.121239671f;
    P = P * t + 0.141226904f;
    P = P * t + 0.141041179f;
    const vec tail = P * t * bell, Phi = x < 0.0f ? tail : 1.0f - tail;
    slope = Phi + x * bell * 0.398942280f;
    return x * Phi;
  }
};
struct Silu {
  INLINE vec of(vec x, vec& slope) {
    const vec s = 1.0f / (exp_of(-x) + 1.0f);
    slope = s * ((1.0f - s) * x + 1.0f);
    return x * s;
  }
};
struct Tanh {  // near 0 an odd polynomial, off by 5e-8; else 1 - 2 / (e^2x + 1)
  INLINE vec of(vec x, vec& slope) {
    const vec u = x * x, size = x < 0.0f ? -x : x;
    vec P = u * -6.21664064e-3f + 2.10825584e-2f;
    P = P * u - 5.38696158e-2f;
    P = P * u + 0.133328982f;
    P = P * u - 0.333333303f;
    const vec far = 1.0f - 2.0f / (exp_of(size * 2.0f) + 1.0f);
    const vec y = size < 0.625f ? P * u * x + x : x < 0.0f ? -far : far;
    slope = 1.0f - y * y;
    return y;
  }
};

// --- products of matrices ---

// A matrix by its strides: element (i, k) is p[i * row + k * column].
struct View {
  const float* p;
  long row, column;
  View transposed() const { return {p, column, row}; }
};

// B (K x columns) in panels of PANEL vectors, each laid out row after row, filled up with 0.
long packed_size(long K, long columns) { return K * vectors(columns) * V; }

void pack(View B, long K, long columns, float* out) {
  for (long left = 0; left < columns; left += PANEL * V) {
    const long width = least(PANEL, vectors(columns - left)) * V;
    const long real = least(width, columns - left);
    for (long k = 0; k < K; k++, out += width) {
      const float* from = B.p + k * B.row + left * B.column;
      if (B.column == 1)
        memcpy(out, from, real * sizeof(float));
      else
        for (long j = 0; j < real; j++) out[j] = from[j * B.column];
      for (long j = real; j < width; j++) out[j] = 0;
    }
  }
}

// C (rows x columns, at most N vectors wide) = A @ panel, or with `add` C += A @ panel.
template <int ROWS, int N>
INLINE void tile(View A, const float* panel, long K, float* C, long stride, long columns,
                 bool add) {
  vec c[ROWS][N];
  UNROLL for (int i = 0; i < ROWS; i++) UNROLL for (int j = 0; j < N; j++) c[i][j] = vec{};
  const float* a = A.p;
  for (long k = 0; k < K; k++, a += A.column, panel += N * V) {
    vec b[N];
    UNROLL for (int j = 0; j < N; j++) b[j] = load(panel + j * V);
    UNROLL for (int i = 0; i < ROWS; i++) {
      const vec x = all(a[i * A.row]);
      UNROLL for (int j = 0; j < N; j++) c[i][j] += x * b[j];
    }
  }
  if (columns >= N * V) {
    if (add)
      UNROLL for (int i = 0; i < ROWS; i++)
        UNROLL for (int j = 0; j < N; j++) c[i][j] += load(C + i * stride + j * V);
    UNROLL for (int i = 0; i < ROWS; i++)
      UNROLL for (int j = 0; j < N; j++) store(C + i * stride + j * V, c[i][j]);
    return;
  }
  float edge[N * V];
  UNROLL for (int i = 0; i < ROWS; i++) {  // c stays in registers only if no loop indexes it
    UNROLL for (int j = 0; j < N; j++) store(edge + j * V, c[i][j]);
    float* out = C + i * stride;
    for (long j = 0; j < columns; j++) out[j] = add ? out[j] + edge[j] : edge[j];
  }
}

template <int N>
void down(long rows, View A, const float* panel, long K, float* C, long stride, long columns,
          bool add) {
  long i = 0;
#define ROWS_OF(R) tile<R, N>({A.p + i * A.row, A.row, A.column}, panel, K, C + i * stride, stride, columns, add)
  for (; i + TILE <= rows; i += TILE) ROWS_OF(TILE);
  switch (rows - i) {
    case 5: return ROWS_OF(5);
    case 4: return ROWS_OF(4);
    case 3: return ROWS_OF(3);
    case 2: return ROWS_OF(2);
    case 1: return ROWS_OF(1);
  }
#undef ROWS_OF
}

// C (rows x columns) = A @ B, or with `add` C += A @ B, where B was packed.
void multiply(long rows, long columns, long K, View A, const float* packed, float* C, long stride,
              bool add) {
  for (long left = 0; left < columns; left += PANEL * V) {
    const long n = least(PANEL, vectors(columns - left));
    switch (n) {
#if PANEL > 2
      case 4: down<4>(rows, A, packed, K, C + left, stride, columns - left, add); break;
      case 3: down<3>(rows, A, packed, K, C + left, stride, columns - left, add); break;
#endif
      case 2: down<2>(rows, A, packed, K, C + left, stride, columns - left, add); break;
      case 1: down<1>(rows, A, packed, K, C + left, stride, columns - left, add); break;
    }
    packed += K * n * V;
  }
}

void product(long rows, long columns, long K, View A, View B, float* C, long stride, bool add,
             float* work) {
  pack(B, K, columns, work);
  multiply(rows, columns, K, A, work, C, stride, add);
}

// --- the loss ---

// Of one row of logits, which become e^(logit - top), 0 for the answer: these summed, the largest
// logit, and how far the answer's is below it.
struct Softmax {
  float rest, top, below;
};

INLINE Softmax exponentials(float* logits, long classes, long answer) {
  const float right = logits[answer];
  for (long c = classes; c < vectors(classes) * V; c++) logits[c] = LOWEST;
  vec most = all(right);
  for (long c = 0; c < classes; c += V) {
    const vec x = load(logits + c);
    most = x > most ? x : most;
  }
  float top = most[0];
  for (long i = 1; i < V; i++) top = most[i] > top ? most[i] : top;
  for (long c = 0; c < classes; c += V) store(logits + c, exp_of(load(logits + c) - top));
  logits[answer] = 0;
  vec rest{};
  for (long c = 0; c < classes; c += V) rest += load(logits + c);
  return {sum(rest), top, top - right};
}

// The mean over pairs has this for each: -log of the answer's probability. Where that rounds to 1,
// 1 - probability is still exact, as it is summed over the other classes.
INLINE float loss_of(Softmax s) {
  return s.below == 0 ? log1pf(s.rest) : logf(s.rest + expf(-s.below)) + s.below;
}

// The loss of a row, whose logits become the gradient times `share`.
INLINE float pull_back(float* logits, long classes, long padded, long answer, float share) {
  const Softmax s = exponentials(logits, classes, answer);
  const float scale = share / (s.rest + expf(-s.below));
  for (long c = 0; c < classes; c += V) store(logits + c, load(logits + c) * scale);
  logits[answer] = -s.rest * scale;
  for (long c = classes; c < padded; c++) logits[c] = 0;
  return loss_of(s);
}

// --- a fold ---

// Some pairs of a fold, and what is computed of them: `mixed` is [pre | logits] and then the
// gradient there, `post` the hidden layer, `slope` its derivative.
struct Block {
  const Fold& fold;
  long first, pairs, width, stride;  // the last of `post` and `slope`
  float *mixed, *post, *slope;
};

long post_stride(const Fold& fold) { return (fold.neurons + 15) / 16 * 16 + 16; }

long block_size(const Fold& fold) {
  return BLOCK * (fold.neurons + fold.padded + 2 * post_stride(fold));
}

Block block_at(const Fold& fold, long first, float* work) {
  const long width = fold.neurons + fold.padded, stride = post_stride(fold);
  float* post = work + BLOCK * width;
  return {fold, first, least(BLOCK, fold.pairs - first), width, stride, work, post,
          post + BLOCK * stride};
}

INLINE long table_width(const Fold& fold) {
  return fold.neurons + (fold.has_direct ? fold.padded : 0);
}

// `mixed`: the table's rows, summed.
void mix(const Block& b) {
  const Fold& fold = b.fold;
  const long width = table_width(fold);
  for (long i = 0; i < b.pairs; i++) {
    const long pair = (b.first + i) * fold.terms;
    float* out = b.mixed + i * b.width;
    constexpr long MANY = 8 * V;
    long d = 0;
    for (; d + MANY <= width; d += MANY) {
      vec x[8] = {};
      for (long q = 0; q < fold.terms; q++) {
        const float* row = fold.table + fold.rows[pair + q] * width + d;
        const vec w = all(fold.weights ? fold.weights[pair + q] : 1.0f);
        UNROLL for (int j = 0; j < 8; j++) x[j] += w * load(row + j * V);
      }
      UNROLL for (int j = 0; j < 8; j++) store(out + d + j * V, x[j]);
    }
    for (; d < width; d += V) {
      vec x{};
      for (long q = 0; q < fold.terms; q++) {
        const float w = fold.weights ? fold.weights[pair + q] : 1.0f;
        x += w * load_part(fold.table + fold.rows[pair + q] * width + d, width - d);
      }
      store_part(out + d, x, width - d);
    }
  }
}

// `post` and, of all but relu, `slope`.
template <class F, bool HAS_SLOPE>
void activate(const Block& b) {
  const long n = b.fold.neurons;
  for (long i = 0; i < b.pairs; i++)
    for (long d = 0; d < n; d += V) {
      vec slope;
      store(b.post + i * b.stride + d, F::of(load_part(b.mixed + i * b.width + d, n - d), slope));
      if (HAS_SLOPE) store(b.slope + i * b.stride + d, slope);
    }
}

void activate(const Block& b) {
  switch (b.fold.act) {
    case RELU: return activate<Relu, false>(b);
    case SQUARE: return activate<Square, true>(b);
    case IDENTITY: return activate<Identity, true>(b);
    case GELU: return activate<Gelu, true>(b);
    case SILU: return activate<Silu, true>(b);
    case TANH: return activate<Tanh, true>(b);
  }
}

void forward(const Block& b, const float* packed_W_L) {
  mix(b);
  activate(b);
  const Fold& fold = b.fold;
  multiply(b.pairs, fold.classes, fold.neurons, {b.post, b.stride, 1}, packed_W_L,
           b.mixed + fold.neurons, b.width, fold.has_direct);
}

// The gradient at `post` becomes that at `pre`.
void through_activation(const Block& b) {
  const long n = b.fold.neurons;
  const bool is_relu = b.fold.act == RELU;
  for (long i = 0; i < b.pairs; i++)
    for (long d = 0; d < n; d += V) {
      float* at = b.mixed + i * b.width + d;
      const vec g = load_part(at, n - d);
      const vec x = load((is_relu ? b.post : b.slope) + i * b.stride + d);
      store_part(at, is_relu ? (x > 0.0f ? g : vec{}) : g * x, n - d);
    }
}

// The gradient in `mixed`, added to the table's rows; and at the weights, the product with them.
template <bool HAS_WEIGHTS>
void scatter(const Block& b, float* d_table, float* d_weights) {
  const Fold& fold = b.fold;
  const long width = table_width(fold);
  for (long i = 0; i < b.pairs; i++) {
    const float* g = b.mixed + i * b.width;
    for (long q = 0; q < fold.terms; q++) {
      const long term = (b.first + i) * fold.terms + q, row = fold.rows[term] * width;
      const vec w = all(HAS_WEIGHTS ? fold.weights[term] : 1.0f);
      vec dot{};
      long d = 0;
      for (; d + V <= width; d += V) {
        const vec x = load(g + d);
        float* out = d_table + row + d;
        if (HAS_WEIGHTS) dot += x * load(fold.table + row + d);
        store(out, load(out) + (HAS_WEIGHTS ? w * x : x));
      }
      float rest = 0;
      for (; d < width; d++) {
        rest += g[d] * fold.table[row + d];
        d_table[row + d] += w[0] * g[d];
      }
      if (HAS_WEIGHTS) d_weights[term] = sum(dot) + rest;
    }
  }
}

long fold_work(const Fold& fold) {
  return packed_size(fold.neurons, fold.classes) + packed_size(fold.classes, fold.neurons) +
         packed_size(BLOCK, fold.classes) + block_size(fold);
}

double fold_gradients(const Fold& fold, float scale, float* d_table, float* d_weights,
                      float* d_W_L, float* work) {
  const long M = fold.neurons, C = fold.classes;
  const View W_L = {fold.W_L, fold.padded, 1};
  float* W_L_packed = work;
  float* W_L_turned = W_L_packed + packed_size(M, C);
  float* g_packed = W_L_turned + packed_size(C, M);
  float* blocks = g_packed + packed_size(BLOCK, C);
  pack(W_L, M, C, W_L_packed);
  pack(W_L.transposed(), C, M, W_L_turned);
  memset(d_table, 0, fold.n_rows * table_width(fold) * sizeof(float));
  memset(d_W_L, 0, M * fold.padded * sizeof(float));
  double total = 0;
  for (long first = 0; first < fold.pairs; first += BLOCK) {
    const Block b = block_at(fold, first, blocks);
    float* logits = b.mixed + M;
    forward(b, W_L_packed);
    for (long i = 0; i < b.pairs; i++)
      total += pull_back(logits + i * b.width, C, fold.padded, fold.answers[first + i],
                         scale / fold.pairs);
    const View d_logits = {logits, b.width, 1};
    pack(d_logits, b.pairs, C, g_packed);
    multiply(M, C, b.pairs, {b.post, 1, b.stride}, g_packed, d_W_L, fold.padded, true);
    multiply(b.pairs, M, C, d_logits, W_L_turned, b.mixed, b.width, false);
    through_activation(b);
    if (fold.weights)
      scatter<true>(b, d_table, d_weights);
    else
      scatter<false>(b, d_table, d_weights);
  }
  return scale * total / fold.pairs;
}

void evaluate(const Fold& fold, long n_answers, double* losses, bool* is_right, float* work) {
  float* blocks = work + packed_size(fold.neurons, fold.classes);
  pack({fold.W_L, fold.padded, 1}, fold.neurons, fold.classes, work);
  for (long first = 0; first < fold.pairs; first += BLOCK) {
    const Block b = block_at(fold, first, blocks);
    forward(b, work);
    for (long i = 0; i < b.pairs; i++) {
      float* logits = b.mixed + i * b.width + fold.neurons;
      const long answer = fold.answers[first + i];
      const float right = logits[answer];
      int not_below = 0;
      for (long c = 0; c < n_answers; c++) not_below += !(logits[c] < right);
      is_right[first + i] = not_below == 1 && right - right == 0;
      losses[first + i] = loss_of(exponentials(logits, fold.classes, answer));
    }
  }
}

// --- a network whose fold is two tables, each a product of its weights ---

View view(const Factor& f, const float* weights) {
  const View plain = {weights + f.start, f.columns, 1};
  return f.is_transposed ? plain.transposed() : plain;
}
long rows_of(const Factor& f) { return f.is_transposed ? f.columns : f.rows; }
long columns_of(const Factor& f) { return f.is_transposed ? f.rows : f.columns; }
long height(const Product& p) { return rows_of(p.factors[0]); }
long inner(const Product& p) { return columns_of(p.factors[0]); }
long breadth(const Product& p) { return columns_of(p.factors[p.count - 1]); }

// The product, with rows `stride` apart.
void expand(const Product& p, const float* weights, float* out, long stride, float* work) {
  const View A = view(p.factors[0], weights);
  if (p.count == 2)
    return product(height(p), breadth(p), inner(p), A, view(p.factors[1], weights), out, stride,
                   false, work);
  for (long i = 0; i < height(p); i++)
    for (long j = 0; j < breadth(p); j++) out[i * stride + j] = A.p[i * A.row + j * A.column];
}

// The gradient at one factor, which is left @ right, added to that of the weights.
void add_to(const Factor& f, View left, View right, long K, float* gradient, float* work) {
  if (f.is_transposed)
    product(f.rows, f.columns, K, right.transposed(), left.transposed(), gradient + f.start,
            f.columns, true, work);
  else
    product(f.rows, f.columns, K, left, right, gradient + f.start, f.columns, true, work);
}

// The gradient at a product, taken to its factors.
void pull_back(const Product& p, View g, const float* weights, float* gradient, float* work) {
  const Factor& f = p.factors[0];
  if (p.count == 2) {
    add_to(f, g, view(p.factors[1], weights).transposed(), breadth(p), gradient, work);
    add_to(p.factors[1], view(f, weights).transposed(), g, height(p), gradient, work);
    return;
  }
  for (long i = 0; i < f.rows; i++)
    for (long j = 0; j < f.columns; j++)
      gradient[f.start + i * f.columns + j] +=
          f.is_transposed ? g.p[j * g.row + i] : g.p[i * g.row + j];
}

long most_packed(const Product& p) {
  const long h = height(p) + V, k = inner(p) + V, b = breadth(p) + V;
  return h * k > k * b ? (h * k > h * b ? h * k : h * b) : (k * b > h * b ? k * b : h * b);
}

long factored_work(const Fold&, const Factored& net) {
  long most = most_packed(net.left);
  if (most_packed(net.right) > most) most = most_packed(net.right);
  return most_packed(net.W_L) > most ? most_packed(net.W_L) : most;
}

void expand(const Fold& fold, const Factored& net, const float* weights, float* table, float* W_L,
            float* work) {
  const long width = table_width(fold), M = fold.neurons, n_left = height(net.left);
  memset(W_L, 0, M * fold.padded * sizeof(float));
  expand(net.left, weights, table, width, work);
  expand(net.right, weights, table + n_left * width, width, work);
  expand(net.W_L, weights, W_L, fold.padded, work);
  if (!fold.has_direct) return;
  for (long i = 0; i < fold.n_rows; i++) memset(table + i * width + M, 0, fold.padded * sizeof(float));
  for (long i = 0; i < n_left; i++)
    memcpy(table + i * width + M, weights + net.bias, fold.classes * sizeof(float));
}

void pull_back(const Fold& fold, const Factored& net, const float* weights, const float* d_table,
               const float* d_W_L, float* gradient, float* work) {
  const long width = table_width(fold), n_left = height(net.left);
  pull_back(net.left, {d_table, width, 1}, weights, gradient, work);
  pull_back(net.right, {d_table + n_left * width, width, 1}, weights, gradient, work);
  pull_back(net.W_L, {d_W_L, fold.padded, 1}, weights, gradient, work);
  if (!fold.has_direct) return;
  for (long i = 0; i < n_left; i++)
    for (long c = 0; c < fold.classes; c++)
      gradient[net.bias + c] += d_table[i * width + fold.neurons + c];
}

#include "unit.h"

// --- the update ---

void adamw(long n, const Adam& a, const float* __restrict gradient, float* __restrict moment1,
           float* __restrict moment2, float* __restrict weights) {
  for (long i = 0; i < n; i++) {
    const float g = gradient[i];
    const float m = moment1[i] + a.new1 * (g - moment1[i]);
    const float v = moment2[i] + a.new2 * (g * g - moment2[i]);
    moment1[i] = m;
    moment2[i] = v;
    weights[i] = weights[i] * a.keep - m / (sqrtf(v) * a.root_scale + a.eps) * a.rate;
  }
}

void multiply_square(long n, const float* A, const float* B, float* C, float* work) {
  product(n, n, n, {A, n, 1}, {B, n, 1}, C, n, false, work);
}

}  // namespace

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)
extern const Core CORE;
const Core CORE = {TEXT(CORE), fold_work, factored_work,  fold_gradients, expand, pull_back,
                   evaluate,   unit_work, unit_gradients, unit_evaluate,  adamw,  multiply_square};
