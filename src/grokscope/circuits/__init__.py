"""The forms of explanation, one a file; importing this package registers them."""

from grokscope.circuits import convolution as _convolution
from grokscope.circuits import cosets as _cosets
from grokscope.circuits import fourier as _fourier
from grokscope.circuits import lookup as _lookup
from grokscope.circuits import parity as _parity
from grokscope.circuits import rho_sets as _rho_sets

__all__: list[str] = []
_ = (_convolution, _cosets, _fourier, _lookup, _parity, _rho_sets)
