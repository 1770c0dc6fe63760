"""The forms of explanation, one a folder; importing this package registers them."""

from importlib import import_module
from pkgutil import iter_modules

for _form in iter_modules(__path__, f"{__name__}."):
    if _form.ispkg:
        import_module(_form.name)
