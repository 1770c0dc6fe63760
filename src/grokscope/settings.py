"""What each setting of an experiment means, in words for `grokscope list settings` and
docs/settings.md; and what it is called elsewhere.

Their types and defaults are those of `spec.Spec`. Arguments of a task, a model, an optimiser or a
filter are set as `task.p`; `grokscope list tasks` and its like say which there are.
"""

MEANINGS = {
    "task": "what is learned: a formula in a and b, mod task.p, or a name",
    "model": "the architecture",
    "train_fraction": "which share of the inputs is shown",
    "train_size": "how many inputs are shown, in place of a share of them",
    "split": "how the inputs that are shown are chosen",
    "label_noise": "which share of the labels is drawn at random",
    "dropout": "which share of the hidden neurons each step leaves out, for each pair anew",
    "loss": "what is minimised",
    "temperature": "divides the logits in the loss, trained and evaluated",
    "lr": "the learning rate",
    "weight_decay": "of every weight; decoupled, unless the optimiser says otherwise",
    "betas": "how slowly Adam forgets gradients, and their squares",
    "eps": "what Adam adds to the size of a gradient before it divides by it",
    "warmup": "over so many steps the learning rate rises from 0",
    "optimizer": "how gradients change the weights",
    "gradient": "what is done to a gradient before the optimiser has it",
    "norm_clamp": "the largest norm of the trained weights, as a multiple of the first one",
    "steps": "how many steps are trained at most",
    "stop_after_grok": "stop so many steps after it groks",
    "give_up_after": "stop so many steps after it memorises, or begins, if it has not grokked",
    "memorize_at": "the train accuracy at which it has memorised",
    "grok_at": "the test accuracy at which it has grokked",
    "grok_patience": "over so many evaluations in a row",
    "eval_every": "it is evaluated after so many steps",
    "checkpoint_every": "weights are kept after so many; also at 0, 1, 2, 4, 8, ... and the end",
    "record": "what forecasts need is kept: so many first steps' losses, weights at landmarks",
    "precision": "of the weights",
    "loss_precision": "of the loss",
    "formulation": "which step trains: fast takes the best there is",
    "load": "the run whose last weights it begins with: its id, or folder",
    "load_parts": "which of them: embed, transformer, unembed, all, or names",
    "load_shuffled": "with their rows in another order, as a control",
    "freeze": "which weights are not trained, named like load_parts",
    "seed": "of the first weights, and of what has no seed of its own",
    "split_seed": "of the split",
    "label_seed": "of the labels that are drawn at random",
}

OTHER_NAMES = {  # what people call a setting from elsewhere
    **dict.fromkeys(("p", "mod", "modulus", "prime"), "task.p"),
    "group": "task.group",
    **dict.fromkeys(("learning_rate", "lr0", "eta", "step_size"), "lr"),
    **dict.fromkeys(("wd", "decay", "l2", "lambda"), "weight_decay"),
    **dict.fromkeys(
        ("frac", "fraction", "frac_train", "train_frac", "data_fraction", "training_fraction"),
        "train_fraction",
    ),
    **dict.fromkeys(("n_train", "train_samples", "num_train"), "train_size"),
    **dict.fromkeys(
        ("epochs", "num_epochs", "n_epochs", "num_steps", "n_steps", "max_steps", "iterations"),
        "steps",
    ),
    **dict.fromkeys(("d_mlp", "width", "hidden", "hidden_size", "n_neurons"), "model.d_mlp"),
    **{name: f"model.{name}" for name in ("d_model", "n_heads", "n_layers", "d_head", "act")},
    **dict.fromkeys(("activation", "act_fn", "nonlinearity"), "model.act"),
    **dict.fromkeys(("beta", "beta1", "beta2", "momentum"), "betas"),
    **dict.fromkeys(("opt", "optim"), "optimizer"),
    **dict.fromkeys(("architecture", "arch", "net", "network"), "model"),
    **dict.fromkeys(("operation", "op", "fn", "fn_name", "formula", "dataset"), "task"),
    **dict.fromkeys(("eval_interval", "log_every", "eval_freq"), "eval_every"),
    **dict.fromkeys(("save_every", "ckpt_every", "checkpoint_interval"), "checkpoint_every"),
    **dict.fromkeys(("dtype", "float"), "precision"),
    **dict.fromkeys(("random_seed", "rng"), "seed"),
    **dict.fromkeys(("stop_early", "early_stopping", "patience"), "stop_after_grok"),
    "noise": "label_noise",
}
