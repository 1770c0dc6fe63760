// What one instruction set offers. core.cpp is compiled once for each, and module.cpp chooses among
// them at run time.
#pragma once

enum Act { RELU, SQUARE, IDENTITY, GELU, SILU, TANH };

// A network whose hidden layer is a short weighted sum of rows of a table:
//
//   [pre | direct] = sum over terms of weights[pair, term] * table[rows[pair, term]]
//   logits         = direct + act(pre) @ W_L
//
// Every array is whole rows without gaps, and every number a float.
struct Fold {
  const float* table;    // row x width; width = neurons, or neurons + padded with a direct path
  const int* rows;       // pair x term
  const float* weights;  // pair x term; null: all one
  const float* W_L;      // neuron x padded
  const int* answers;    // pair
  long pairs, terms, n_rows, neurons, classes, padded;
  bool has_direct;
  Act act;
};

// A matrix among a network's weights, from `start` on; transposed, it is read with its axes
// exchanged.
struct Factor {
  long start, rows, columns;
  bool is_transposed;
};

// A matrix as a product of at most two of a network's weights.
struct Product {
  Factor factors[2];
  int count;
};

// A fold without weights whose two terms are a row of `left` and one of `right`.
struct Factored {
  Product left, right, W_L;
  long bias;  // where that of the logits starts; below 0: there is none
};

// A network of one hidden layer over digits 0 and 1, and one output unit:
//
//   z = act([digits | 1] @ W_in) @ W_out,  logits = [0, z]
//
// Five digits at a time are a number below 32: digit 5 q + j of a pair is bit j of its number q.
struct Unit {
  const unsigned char* fives;  // pair x term; terms = digits / 5, rounded up
  const int* answers;          // pair: 0 or 1
  const float *W_in, *W_out;   // digit + 1 x neuron; neuron
  long pairs, digits, neurons;
  bool is_clipped;  // whether the probability is, to [1e-7, 1 - 1e-7], before its logarithm is taken
  Act act;
};

// Of a step: how much of a gradient is new in each moment, 1 / sqrt(1 - beta2^t), eps, the learning
// rate / (1 - beta1^t), and what decay leaves of a weight.
struct Adam {
  float new1, new2, root_scale, eps, rate, keep;
};

struct Core {
  const char* name;

  // How many floats the other functions need to work in.
  long (*fold_work)(const Fold&);
  long (*factored_work)(const Fold&, const Factored&);

  // The mean cross-entropy times `scale`, and its gradients, which replace what was there.
  double (*fold_gradients)(const Fold&, float scale, float* d_table, float* d_weights, float* d_W_L,
                           float* work);
  // The fold's table and W_L, made of a network's own weights.
  void (*expand)(const Fold&, const Factored&, const float* weights, float* table, float* W_L,
                 float* work);
  // The gradients at them, taken to the weights and added there.
  void (*pull_back)(const Fold&, const Factored&, const float* weights, const float* d_table,
                    const float* d_W_L, float* gradient, float* work);
  // Of each pair its cross-entropy, and whether its answer has the only largest logit among the
  // first `n_answers`.
  void (*evaluate)(const Fold&, long n_answers, double* losses, bool* is_right, float* work);
  // The same of a unit.
  long (*unit_work)(const Unit&);
  double (*unit_gradients)(const Unit&, float scale, float* d_W_in, float* d_W_out, float* work);
  void (*unit_evaluate)(const Unit&, double* losses, bool* is_right, float* work);
  // AdamW: both moments take the gradient in, and the weights change.
  void (*adamw)(long n, const Adam&, const float* gradient, float* moment1, float* moment2,
                float* weights);
  // C = A @ B of square matrices: what this core reaches, for benchmarks.
  void (*multiply)(long n, const float* A, const float* B, float* C, float* work);
};
