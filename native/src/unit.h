// Loss and gradients of a network of one hidden layer over digits 0 and 1, and one output unit; a
// part of core.cpp, with its vectors and activations.
//
// A sum of rows of W_in, one for each digit that is 1, is looked up five digits at a time: in a
// table of the 32 sums of five rows. Backward the gradient goes to the table first, and from there
// to the rows. That is a sixth of a matrix product's arithmetic, and few neurons at a time have
// tables that stay in the nearest cache. Pairs whose loss has no gradient are left out of it.

constexpr long FIVE = 5, SUMS = 32;
constexpr int CHUNK = 4;  // vectors of neurons at once
constexpr double SMALLEST = 1e-7f, LARGEST = 1 - 1e-7f;  // probabilities, where they are clipped
constexpr double FAR = 17;  // beyond it a logit's probability is clipped

INLINE long terms_of(const Unit& u) { return (u.digits + FIVE - 1) / FIVE; }
INLINE long digits_of(const Unit& u, long q) { return least(FIVE, u.digits - FIVE * q); }

// `work` of the activation; of each chunk of neurons, from `left` on.
template <class Work>
INLINE void with(Act act, Work work) {
  switch (act) {
    case RELU: return work.template operator()<Relu>();
    case SQUARE: return work.template operator()<Square>();
    case IDENTITY: return work.template operator()<Identity>();
    case GELU: return work.template operator()<Gelu>();
    case SILU: return work.template operator()<Silu>();
    case TANH: return work.template operator()<Tanh>();
  }
}

template <class Work>
INLINE void in_chunks(long neurons, Work work) {
  for (long left = 0; left < neurons; left += CHUNK * V)
    switch (least(CHUNK, vectors(neurons - left))) {
      case 4: work.template operator()<4>(left); break;
      case 3: work.template operator()<3>(left); break;
      case 2: work.template operator()<2>(left); break;
      case 1: work.template operator()<1>(left); break;
    }
}

// `N` vectors of neurons: those of one row of a matrix from `left` on, where it ends 0.
template <int N>
struct Row {
  vec x[N];
  INLINE Row of(const Unit& u, const float* row, long left) {
    Row r;
    UNROLL for (int j = 0; j < N; j++)
      r.x[j] = load_part(row + left + j * V, u.neurons - left - j * V);
    return r;
  }
  INLINE Row at(const float* p) {
    Row r;
    UNROLL for (int j = 0; j < N; j++) r.x[j] = load(p + j * V);
    return r;
  }
  void add(const Row& other) {
    UNROLL for (int j = 0; j < N; j++) x[j] += other.x[j];
  }
  void to(float* p) const {
    UNROLL for (int j = 0; j < N; j++) store(p + j * V, x[j]);
  }
  void to(const Unit& u, float* row, long left) const {
    UNROLL for (int j = 0; j < N; j++)
      store_part(row + left + j * V, x[j], u.neurons - left - j * V);
  }
};

// The sums of rows of W_in: number n of five has the digits that are its bits. The bias, the last
// row, is in all of the first five's.
template <int N>
void expand(const Unit& u, long left, float* table) {
  for (long q = 0; q < terms_of(u); q++, table += SUMS * N * V) {
    Row<N> none{};
    (q ? none : Row<N>::of(u, u.W_in + u.digits * u.neurons, left)).to(table);
    for (long d = 0; d < digits_of(u, q); d++) {
      const Row<N> w = Row<N>::of(u, u.W_in + (FIVE * q + d) * u.neurons, left);
      for (long n = 0; n < 1 << d; n++) {
        Row<N> r = Row<N>::at(table + n * N * V);
        r.add(w);
        r.to(table + (n + (1 << d)) * N * V);
      }
    }
  }
}

// The gradient at the sums, taken to the rows of W_in; overwrites it.
template <int N>
void contract(const Unit& u, long left, float* table, float* d_W_in) {
  for (long q = 0; q < terms_of(u); q++, table += SUMS * N * V) {
    for (long d = digits_of(u, q) - 1; d >= 0; d--) {
      Row<N> total{};
      for (long n = 0; n < 1 << d; n++) {
        const Row<N> with = Row<N>::at(table + (n + (1 << d)) * N * V);
        Row<N> without = Row<N>::at(table + n * N * V);
        total.add(with);
        without.add(with);
        without.to(table + n * N * V);
      }
      total.to(u, d_W_in + (FIVE * q + d) * u.neurons, left);
    }
    if (q == 0) Row<N>::at(table).to(u, d_W_in + u.digits * u.neurons, left);
  }
}

template <int N>
INLINE Row<N> pre(const Unit& u, long pair, const float* table) {
  const long terms = terms_of(u);
  const unsigned char* five = u.fives + pair * terms;
  Row<N> sum{};
  for (long q = 0; q < terms; q++, table += SUMS * N * V)
    sum.add(Row<N>::at(table + five[q] * N * V));
  return sum;
}

// What these neurons add to z of each pair.
template <class F, int N>
void forward(const Unit& u, long left, float* table, float* z) {
  expand<N>(u, left, table);
  const Row<N> w = Row<N>::of(u, u.W_out, left);
  for (long i = 0; i < u.pairs; i++) {
    const Row<N> x = pre<N>(u, i, table);
    vec slope, dot{};
    UNROLL for (int j = 0; j < N; j++) dot += F::of(x.x[j], slope) * w.x[j];
    z[i] += sum(dot);
  }
}

// The gradients at these neurons' weights, of those at z of the pairs that have one.
template <class F, int N>
void backward(const Unit& u, long left, const int* some, long count, const float* d_z,
              float* table, float* d_table, float* d_W_in, float* d_W_out) {
  const long terms = terms_of(u);
  expand<N>(u, left, table);
  memset(d_table, 0, terms * SUMS * N * V * sizeof(float));
  const Row<N> w = Row<N>::of(u, u.W_out, left);
  Row<N> d_w{};
  for (long i = 0; i < count; i++) {
    Row<N> x = pre<N>(u, some[i], table);
    const vec g = all(d_z[some[i]]);
    UNROLL for (int j = 0; j < N; j++) {
      vec slope;
      d_w.x[j] += g * F::of(x.x[j], slope);
      x.x[j] = g * w.x[j] * slope;
    }
    const unsigned char* five = u.fives + some[i] * terms;
    for (long q = 0; q < terms; q++) {
      float* at = d_table + (SUMS * q + five[q]) * N * V;
      Row<N> r = Row<N>::at(at);
      r.add(x);
      r.to(at);
    }
  }
  contract<N>(u, left, d_table, d_W_in);
  d_w.to(u, d_W_out, left);
}

// The loss of one pair, and its derivative by z.
struct Pull {
  double loss, slope;
};

// -log of the answer's probability p or 1 - p, p = 1 / (1 + e^-z).
INLINE Pull pull_plain(double z, int answer) {
  const double wrong = answer ? -z : z, e = exp(-fabs(z));
  return {log1p(e) + (wrong > 0 ? wrong : 0), ((wrong > 0 ? 1 : e) / (1 + e)) * (answer ? -1 : 1)};
}

// The same of p clipped; where it is, there is no slope.
INLINE Pull pull_clipped(double z, int answer, const double (&ends)[2][2]) {
  if (z > FAR || z < -FAR) return {ends[z > 0][answer], 0};
  const double p = 1 / (1 + exp(-z));
  if (p > LARGEST || p < SMALLEST) return {ends[p > LARGEST][answer], 0};
  return {-log(answer ? p : 1 - p), p - answer};
}

// `take` of each pair with its loss.
template <class Take>
void pull(const Unit& u, const float* z, Take take) {
  const double ends[2][2] = {{-log(1 - SMALLEST), -log(SMALLEST)},
                             {-log(1 - LARGEST), -log(LARGEST)}};
  for (long i = 0; i < u.pairs; i++)
    take(i, u.is_clipped ? pull_clipped(z[i], u.answers[i], ends) : pull_plain(z[i], u.answers[i]));
}

// z of each pair.
void forward(const Unit& u, float* table, float* z) {
  memset(z, 0, u.pairs * sizeof(float));
  with(u.act, [&]<class F>() {
    in_chunks(u.neurons, [&]<int N>(long left) { forward<F, N>(u, left, table, z); });
  });
}

long table_size(const Unit& u) { return terms_of(u) * SUMS * CHUNK * V; }
long unit_work(const Unit& u) { return 2 * table_size(u) + 2 * u.pairs; }

double unit_gradients(const Unit& u, float scale, float* d_W_in, float* d_W_out, float* work) {
  float *table = work, *d_table = table + table_size(u), *z = d_table + table_size(u);
  int* some = reinterpret_cast<int*>(z + u.pairs);
  long count = 0;
  double total = 0;
  forward(u, table, z);
  pull(u, z, [&](long i, Pull p) {
    total += p.loss;
    z[i] = p.slope * scale / u.pairs;
    some[count] = i;
    count += z[i] != 0;
  });
  with(u.act, [&]<class F>() {
    in_chunks(u.neurons, [&]<int N>(long left) {
      backward<F, N>(u, left, some, count, z, table, d_table, d_W_in, d_W_out);
    });
  });
  return scale * total / u.pairs;
}

void unit_evaluate(const Unit& u, double* losses, bool* is_right, float* work) {
  float* z = work + table_size(u);
  forward(u, work, z);
  pull(u, z, [&](long i, Pull p) {
    losses[i] = p.loss;
    is_right[i] = u.answers[i] ? z[i] > 0 && z[i] - z[i] == 0 : z[i] < 0;
  });
}
