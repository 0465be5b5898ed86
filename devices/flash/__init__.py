"""Flashing without root and without mounting: an image or a card becomes this very device at its first start.

What a device is handed is `devices/payload.py`'s matter. Here it is put onto the boot partition of a stock image
(`image.py`), a mounted card (`boot_folder.py`) or below a root file system (`overlay.py`), beside the settings of the
operating system in whatever format that system reads (`first_boot/`).
"""
