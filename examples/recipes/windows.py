"""Cut a long recording into overlapping windows, and compute a spectrum of each."""

import os
import tempfile

import numpy as np

import simplezarr as sz

os.chdir(tempfile.mkdtemp())  # the files go into a new folder
RATE, LENGTH, STEP = 1000, 256, 128
clock = np.arange(20_000) / RATE
signal = np.sin(2 * np.pi * np.where(clock < 10, 50, 200) * clock).astype("f4")
recording = sz.create_array("signal.zarr", data=signal, chunks=(4096,), attributes={"rate": RATE})

starts = range(0, len(recording) - LENGTH + 1, STEP)
spectra = sz.create_array("spectra.zarr", shape=(len(starts), LENGTH // 2 + 1), dtype="f4", chunks=(50, -1))
buffer = np.empty((50, LENGTH), "f4")
for rows, _ in spectra.iter_chunks():
    some = [sz.s_[start : start + LENGTH] for start in starts[rows]]
    recording.read_many(some, out=buffer[: len(some)])  # what two windows share is decoded once
    spectra[rows] = np.abs(np.fft.rfft(buffer[: len(some)] * np.hanning(LENGTH)))

loudest = np.argmax(spectra[...], axis=1) * RATE / LENGTH
assert abs(loudest[5] - 50) < 4
assert abs(loudest[-5] - 200) < 4
