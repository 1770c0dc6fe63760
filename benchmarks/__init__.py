"""How fast grokscope is, beside what else one could run: a training step against the plain one and
the machine's floor, reading checkpoints against the definitions, and a peer's step. Each module is
run by itself (`python -m benchmarks.step`), prints a table or JSON, and writes nothing.
`python -m benchmarks` lists them.
"""
