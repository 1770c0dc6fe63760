"""Other people's layouts of weights, one source a file; importing this package registers them."""

from importlib import import_module
from pkgutil import iter_modules

for _file in iter_modules(__path__, f"{__name__}."):
    import_module(_file.name)
