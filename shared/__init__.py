"""Code that the functions share. Each function's bundle has only the modules that it imports."""

import gc
import os

if "FUNCTION_TARGET" in os.environ:  # a function starts: what it imports stays, so there is nothing to collect
    gc.disable()  # until shared.runtime.entry_point
