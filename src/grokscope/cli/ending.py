"""How a command ends that someone ends: by Ctrl-C, or by SIGTERM as schedulers and containers do.
Both run what is to be done at the end, and exit as the shell expects."""

import signal


class Terminated(BaseException):
    """SIGTERM came."""


CODES: dict[type[BaseException], int] = {KeyboardInterrupt: 130, Terminated: 143}  # 128 + signal
Ended = (KeyboardInterrupt, Terminated)


def hear_sigterm() -> None:
    """From here on SIGTERM raises `Terminated`, unless it is ignored or we are not in charge."""
    try:
        if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
            signal.signal(signal.SIGTERM, _terminate)
    except ValueError:  # not in the main thread, where signals are heard
        return


def _terminate(signum: int, frame: object) -> None:
    raise Terminated
