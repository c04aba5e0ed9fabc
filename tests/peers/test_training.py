"""Batches and samples in grain, JAX and Lightning."""

import itertools
import pickle

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.loader import Loader, Rows, Samples

VALUES = np.arange(96 * 32, dtype="f4").reshape(96, 32)


@pytest.fixture
def array(tmp_path):
    return sz.create_array(tmp_path / "a.zarr", data=VALUES, chunks=(8, 32))


def rows_of(batches):
    """The numbers of the rows of batches, which must be those of the array."""
    found = []
    for batch in batches:
        values = np.asarray(batch)
        np.testing.assert_array_equal(values, VALUES[(values[:, 0] // 32).astype(int)])
        found.append((values[:, 0] // 32).astype(int).tolist())
    return found


def test_grain(array):
    """Shuffled, in batches, in its threads; and resumed from what it has saved."""
    grain = pytest.importorskip("grain")
    samples = Samples(array, Rows())
    assert isinstance(samples, grain.sources.RandomAccessDataSource)

    def batches():
        dataset = grain.MapDataset.source(samples).seed(3).shuffle().batch(16)
        return iter(dataset.to_iter_dataset(grain.ReadOptions(num_threads=4, prefetch_buffer_size=8)))

    iterator = batches()
    found = rows_of(itertools.islice(iterator, 2))
    state = pickle.loads(pickle.dumps(iterator.get_state()))
    found += rows_of(iterator)
    assert sorted(itertools.chain(*found)) == list(range(96))
    resumed = batches()
    resumed.set_state(state)
    assert rows_of(resumed) == found[2:]


def test_grain_in_processes(array):
    grain = pytest.importorskip("grain")
    pytest.importorskip("absl.flags").FLAGS.mark_as_parsed()  # grain asks them
    dataset = grain.MapDataset.source(Samples(array, Rows())).seed(3).shuffle().batch(16).to_iter_dataset()
    dataset = dataset.mp_prefetch(grain.MultiprocessingOptions(num_workers=1))
    assert sorted(itertools.chain(*rows_of(dataset))) == list(range(96))


def test_jax_takes_batches_without_a_copy(array):
    jnp = pytest.importorskip("jax.numpy")
    loader, addresses, found = Loader(array, Rows(), batch_size=16), set(), []
    for batch in loader:
        taken = jnp.from_dlpack(batch)
        assert taken.unsafe_buffer_pointer() == batch.ctypes.data
        addresses.add(batch.ctypes.data)
        found.append(taken)
        del batch
    assert len(addresses) == 6  # memory that JAX holds is not used again
    assert list(itertools.chain(*rows_of(found))) == loader.order(0).tolist()


@pytest.mark.filterwarnings("ignore")  # of Lightning about its own parts
@pytest.mark.parametrize("workers", [0, 2])
def test_lightning(array, workers):
    """Epochs differ without a call of ours, and no sample comes twice."""
    lightning = pytest.importorskip("lightning.pytorch")
    torch = pytest.importorskip("torch")
    szt = pytest.importorskip("simplezarr.torch")
    loader = Loader(array, Rows(), batch_size=8)
    epochs: dict = {}

    class Model(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(32, 1)

        def training_step(self, batch, number):
            epochs.setdefault(self.current_epoch, []).append(batch.numpy().copy())
            return self.layer(batch / 4096).mean()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.01)

    batches = torch.utils.data.DataLoader(
        szt.dataset(loader), batch_size=None, num_workers=workers, multiprocessing_context="fork" if workers else None
    )
    trainer = lightning.Trainer(
        max_epochs=3,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Model(), batches)
    orders = [list(itertools.chain(*rows_of(epochs[epoch]))) for epoch in range(3)]
    assert all(sorted(order) == list(range(96)) for order in orders)
    assert orders[0] != orders[1] != orders[2]
