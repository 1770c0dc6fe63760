"""The border: other people's bytes are parsed here, by a process of its own with limits.

Nothing in this room imports torch or numpy, so that the process starts in a tenth of a second. What
it makes of a file is plain data and numbers; `grokscope.foreign.files` asks for them.
"""
