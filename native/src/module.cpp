// The Python module: chooses among the instruction sets that this processor has, and takes arrays
// as addresses. Whoever calls sees to their types and sizes (grokscope.training.native).

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "core.h"

namespace nb = nanobind;
using nb::literals::operator""_a;

namespace {

constexpr int VERSION = 1;  // of the functions below; grokscope asks for exactly one

}  // namespace

#if defined(__x86_64__)
extern const Core v2, v3, v4;
#else
extern const Core neon;
#endif

namespace {

std::vector<const Core*> available() {
  std::vector<const Core*> found;
#if defined(__x86_64__)
  __builtin_cpu_init();
#define HAS __builtin_cpu_supports
  if (HAS("sse4.2") && HAS("popcnt")) found.push_back(&v2);
  if (HAS("avx2") && HAS("fma") && HAS("bmi2")) found.push_back(&v3);
  if (HAS("avx512f") && HAS("avx512bw") && HAS("avx512dq") && HAS("avx512vl") && HAS("avx512cd"))
    found.push_back(&v4);
#undef HAS
#else
  found.push_back(&neon);
#endif
  return found;
}

const Core* core = nullptr;

std::vector<std::string> names() {
  std::vector<std::string> found;
  for (const Core* one : available()) found.push_back(one->name);
  return found;
}

void use(const std::string& name) {
  for (const Core* one : available())
    if (name == one->name) {
      core = one;
      return;
    }
  throw nb::value_error(("this processor does not run " + name).c_str());
}

struct Free {
  void operator()(float* p) const { std::free(p); }
};
using Buffer = std::unique_ptr<float, Free>;

Buffer buffer(long floats) {
  const size_t bytes = (size_t(floats) * sizeof(float) + 63) / 64 * 64 + 64;
  void* p = std::aligned_alloc(64, bytes);
  if (!p) throw std::bad_alloc();
  return Buffer(static_cast<float*>(p));
}

template <class T>
T* at(uintptr_t address) {
  return reinterpret_cast<T*>(address);
}

long width(const Fold& fold) { return fold.neurons + (fold.has_direct ? fold.padded : 0); }

// Some pairs of a fold.
Fold part(Fold fold, long first, long last) {
  fold.rows += first * fold.terms;
  fold.answers += first;
  if (fold.weights) fold.weights += first * fold.terms;
  fold.pairs = last - first;
  return fold;
}

// `work` of the first and the second half of the pairs, at once where there are two threads.
template <class Work>
void halves(const Fold& fold, int threads, Work work) {
  const long middle = fold.pairs / 2;
  if (threads < 2) {
    work(0, 0, middle);
    work(1, middle, fold.pairs);
    return;
  }
  std::thread other([&] { work(1, middle, fold.pairs); });
  work(0, 0, middle);
  other.join();
}

// Whether there is enough to do for two threads. The shapes alone decide, and with them how sums
// are split: the number of threads changes no bit.
bool is_large(const Fold& fold) { return fold.pairs * fold.neurons * fold.classes > 4'000'000; }

double fold_gradients(const Fold& fold, float scale, float* d_table, float* d_weights,
                      float* d_W_L, int threads) {
  const long work = core->fold_work(fold);
  if (!is_large(fold))
    return core->fold_gradients(fold, scale, d_table, d_weights, d_W_L, buffer(work).get());
  const long n_table = fold.n_rows * width(fold), n_W_L = fold.neurons * fold.padded;
  const Buffer held = buffer(2 * work + n_table + n_W_L);
  float* tables[2] = {d_table, held.get() + 2 * work};
  float* maps[2] = {d_W_L, tables[1] + n_table};
  double losses[2];
  halves(fold, threads, [&](int k, long first, long last) {
    const float share = scale * (float(last - first) / float(fold.pairs));
    losses[k] = core->fold_gradients(part(fold, first, last), share, tables[k],
                                     d_weights ? d_weights + first * fold.terms : nullptr, maps[k],
                                     held.get() + k * work);
  });
  for (long i = 0; i < n_table; i++) d_table[i] += tables[1][i];
  for (long i = 0; i < n_W_L; i++) d_W_L[i] += maps[1][i];
  return losses[0] + losses[1];
}

double gradients(Fold fold, uintptr_t table, uintptr_t weights, uintptr_t W_L, float scale,
                 uintptr_t d_table, uintptr_t d_weights, uintptr_t d_W_L, int threads) {
  nb::gil_scoped_release release;
  fold.table = at<float>(table);
  fold.weights = at<float>(weights);
  fold.W_L = at<float>(W_L);
  return fold_gradients(fold, scale, at<float>(d_table), at<float>(d_weights), at<float>(d_W_L),
                        threads);
}

void evaluate(Fold fold, uintptr_t table, uintptr_t weights, uintptr_t W_L, long n_answers,
              uintptr_t losses, uintptr_t is_right, int threads) {
  nb::gil_scoped_release release;
  fold.table = at<float>(table);
  fold.weights = at<float>(weights);
  fold.W_L = at<float>(W_L);
  const long work = core->fold_work(fold);
  const Buffer held = buffer(2 * work);
  halves(fold, is_large(fold) ? threads : 1, [&](int k, long first, long last) {
    core->evaluate(part(fold, first, last), n_answers, at<double>(losses) + first,
                   at<bool>(is_right) + first, held.get() + k * work);
  });
}

// Of each member, whose weights and gradients are `stride` floats after those of the one before.
void factored_gradients(const Factored& net, std::vector<Fold> folds, float scale,
                        uintptr_t weights, uintptr_t gradient, long stride, uintptr_t losses,
                        int threads) {
  nb::gil_scoped_release release;
  for (size_t k = 0; k < folds.size(); k++) {
    Fold& fold = folds[k];
    const long n_table = fold.n_rows * width(fold), n_W_L = fold.neurons * fold.padded;
    const Buffer held = buffer(2 * (n_table + n_W_L) + core->factored_work(fold, net));
    float *table = held.get(), *W_L = table + n_table, *d_table = W_L + n_W_L;
    float *d_W_L = d_table + n_table, *work = d_W_L + n_W_L;
    const float* own = at<float>(weights) + k * stride;
    float* to = at<float>(gradient) + k * stride;
    for (long i = 0; i < stride; i++) to[i] = 0;
    core->expand(fold, net, own, table, W_L, work);
    fold.table = table;
    fold.W_L = W_L;
    at<double>(losses)[k] = fold_gradients(fold, scale, d_table, nullptr, d_W_L, threads);
    core->pull_back(fold, net, own, d_table, d_W_L, to, work);
  }
}

// Some members of a stack, as above: W_in and W_out start at these numbers of a member's weights.
void unit_gradients(std::vector<Unit> units, long W_in, long W_out, float scale, uintptr_t weights,
                    uintptr_t gradient, long stride, uintptr_t losses) {
  nb::gil_scoped_release release;
  for (size_t k = 0; k < units.size(); k++) {
    Unit& unit = units[k];
    const float* own = at<float>(weights) + k * stride;
    float* to = at<float>(gradient) + k * stride;
    unit.W_in = own + W_in;
    unit.W_out = own + W_out;
    at<double>(losses)[k] = core->unit_gradients(unit, scale, to + W_in, to + W_out,
                                                 buffer(core->unit_work(unit)).get());
  }
}

void unit_evaluate(Unit unit, uintptr_t W_in, uintptr_t W_out, uintptr_t losses,
                   uintptr_t is_right) {
  nb::gil_scoped_release release;
  unit.W_in = at<float>(W_in);
  unit.W_out = at<float>(W_out);
  core->unit_evaluate(unit, at<double>(losses), at<bool>(is_right),
                      buffer(core->unit_work(unit)).get());
}

void adamw(long n, const Adam& settings, uintptr_t gradient, uintptr_t moment1, uintptr_t moment2,
           uintptr_t weights) {
  nb::gil_scoped_release release;
  core->adamw(n, settings, at<float>(gradient), at<float>(moment1), at<float>(moment2),
              at<float>(weights));
}

void multiply(long n, uintptr_t A, uintptr_t B, uintptr_t C) {
  nb::gil_scoped_release release;
  const Buffer work = buffer(n * (n + 64));
  core->multiply(n, at<float>(A), at<float>(B), at<float>(C), work.get());
}

}  // namespace

NB_MODULE(_core, m) {
  m.attr("VERSION") = VERSION;
  const auto found = available();
  if (!found.empty()) core = found.back();
  m.def("instruction_sets", &names, "Those that this processor runs, the fastest last.");
  m.def("use", &use, "name"_a);
  m.def("in_use", [] { return std::string(core ? core->name : ""); });

  nb::enum_<Act>(m, "Act")
      .value("relu", RELU)
      .value("square", SQUARE)
      .value("identity", IDENTITY)
      .value("gelu", GELU)
      .value("silu", SILU)
      .value("tanh", TANH);

  nb::class_<Fold>(m, "Fold")
      .def("__init__",
           [](Fold* self, uintptr_t rows, uintptr_t answers, long pairs, long terms, long n_rows,
              long neurons, long classes, long padded, bool has_direct, Act act) {
             new (self) Fold{nullptr, at<int>(rows), nullptr,    nullptr, at<int>(answers), pairs,
                             terms,   n_rows,        neurons,    classes, padded,
                             has_direct, act};
           },
           "rows"_a, "answers"_a, "pairs"_a, "terms"_a, "n_rows"_a, "neurons"_a, "classes"_a,
           "padded"_a, "has_direct"_a, "act"_a)
      .def("gradients", &gradients)
      .def("evaluate", &evaluate);

  nb::class_<Factor>(m, "Factor")
      .def("__init__",
           [](Factor* self, long start, long rows, long columns, bool is_transposed) {
             new (self) Factor{start, rows, columns, is_transposed};
           });
  nb::class_<Product>(m, "Product")
      .def("__init__", [](Product* self, const std::vector<Factor>& factors) {
        if (factors.empty() || factors.size() > 2) throw nb::value_error("one or two factors");
        new (self) Product{{factors.front(), factors.back()}, int(factors.size())};
      });
  nb::class_<Factored>(m, "Factored")
      .def("__init__",
           [](Factored* self, const Product& left, const Product& right, const Product& W_L,
              long bias) { new (self) Factored{left, right, W_L, bias}; })
      .def("gradients", &factored_gradients);

  nb::class_<Unit>(m, "Unit")
      .def("__init__",
           [](Unit* self, uintptr_t fives, uintptr_t answers, long pairs, long digits,
              long neurons, bool is_clipped, Act act) {
             new (self) Unit{at<unsigned char>(fives), at<int>(answers), nullptr, nullptr, pairs,
                             digits, neurons, is_clipped, act};
           },
           "fives"_a, "answers"_a, "pairs"_a, "digits"_a, "neurons"_a, "is_clipped"_a, "act"_a)
      .def("evaluate", &unit_evaluate);
  m.def("unit_gradients", &unit_gradients);

  nb::class_<Adam>(m, "Adam").def(
      "__init__", [](Adam* self, float new1, float new2, float root_scale, float eps, float rate,
                     float keep) { new (self) Adam{new1, new2, root_scale, eps, rate, keep}; });
  m.def("adamw", &adamw);
  m.def("multiply", &multiply);
}
