"""Which number format the encoder computes in."""

import torch

from ..errors import ClintlError, Errors


def autocast_dtype(precision: str, device: str) -> torch.dtype | None:
    """Return the type to autocast matrix products to, or None for full precision.

    "auto" takes bf16 only where the hardware multiplies it: emulated bf16 is slower than fp32.

    precision (str): "auto", "fp32" or "bf16".
    device (str): The torch device type, "cpu" or "cuda".
    RETURNS (Optional[torch.dtype]): torch.bfloat16 or None.
    RAISES (ClintlError): For any other value of `precision`.
    """
    if precision not in ("auto", "fp32", "bf16"):
        raise ClintlError(Errors.CL205.format(precision=precision))
    if precision == "bf16" or (precision == "auto" and has_native_bf16(device)):
        return torch.bfloat16
    return None


def has_native_bf16(device: str) -> bool:
    """Say whether the device has bf16 matrix instructions of its own.

    device (str): The torch device type, "cpu" or "cuda".
    """
    if device == "cuda":
        return torch.cuda.is_available() and torch.cuda.get_device_capability() >= (8, 0)
    if device == "cpu":
        # Public only in recent versions of torch; older ones stay in full precision.
        capabilities = getattr(torch.cpu, "get_capabilities", dict)()
        return any(capabilities.get(name, False) for name in ("amx_bf16", "avx512_bf16"))
    return False
