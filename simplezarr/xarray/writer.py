"""What xarray writes a dataset into: its own writer of Zarr groups, over a `Group` of simplezarr.

xarray's class decides what is written where: modes, regions, appending, encodings. What it asks of zarr-python is
asked of simplezarr here, so that zarr-python is not needed.
"""

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
from xarray import Dataset, Variable
from xarray.backends.common import _encode_variable_name
from xarray.backends.zarr import (
    ZarrStore,
    _validate_and_transpose_existing_dims,
    _validate_datatypes_for_zarr_append,
)
from xarray.conventions import decode_cf_variables

from simplezarr.nodes.array import Array
from simplezarr.nodes.group import Group
from simplezarr.xarray.creation import create_variable, opened_for_writing
from simplezarr.xarray.variables import stored_variable

__all__ = ["GroupWriter"]

Variables = dict[Hashable, Variable]


class GroupWriter(ZarrStore):
    """Write datasets into a group. The arguments are those of `xarray.backends.ZarrStore`."""

    def __init__(self, zarr_group: Group, mode: str, **arguments: Any):
        arguments["use_zarr_fill_value_as_mask"] = zarr_group.metadata.zarr_format == 2
        super().__init__(zarr_group, mode, **arguments)

    def checked(self, dataset: Dataset, encoding: Mapping[str, Any]) -> Dataset:
        """Return the dataset without what a region does not change. Raise if it can't be written as it is asked for."""
        for name in dataset.variables:
            if name is not None and not isinstance(name, str):
                raise TypeError(f"variable {name!r}: a name must be a string or None; rename it")
            if name == "":
                raise ValueError("variable '': a name that is a string must be length 1 or greater; rename it")
        checked = self._validate_and_autodetect_region(dataset)
        self._validate_encoding(encoding)
        return checked

    # ------------------------------------------------------------ what xarray asks of zarr-python

    def _fetch_members(self) -> dict[str, Array]:  # type: ignore[override]  # simplezarr's
        return dict(self.zarr_group.arrays())

    def array_keys(self) -> tuple[str, ...]:
        """Return the names of the arrays that were there when the writer was made."""
        return tuple(self.members)

    def arrays(self) -> tuple[tuple[str, Array], ...]:  # type: ignore[override]  # simplezarr's
        """Return the arrays that were there when the writer was made."""
        return tuple(self.members.items())  # type: ignore[arg-type]

    def open_store_variable(self, name: str) -> Variable:
        """Return a stored variable."""
        array: Array = self.members[name]  # type: ignore[assignment]  # simplezarr's
        return stored_variable(array, fill_is_mask=self._use_zarr_fill_value_as_mask)

    def get_dimensions(self) -> dict[Hashable, int]:
        """Return the dimensions of the stored variables."""
        return {dim: size for name in self.members for dim, size in self.open_store_variable(name).sizes.items()}

    def _open_existing_array(self, *, name: str) -> Array:  # type: ignore[override]  # simplezarr's
        return opened_for_writing(self.zarr_group[name], self._write_empty)

    def _create_new_array(  # type: ignore[override]  # simplezarr's
        self,
        *,
        name: str,
        shape: tuple[int, ...],
        dtype: np.dtype,
        fill_value: object,
        encoding: dict[str, Any],
        attrs: dict[str, Any],
    ) -> Array:
        given = encoding.get("write_empty_chunks")
        if self._write_empty is not None and given not in (None, self._write_empty):
            raise ValueError(
                f'Differing "write_empty_chunks" values in encoding and parameters: {given} and {self._write_empty} '
                f"of variable {name!r}; leave one out"
            )
        if self._write_empty is not None:
            encoding["write_empty_chunks"] = self._write_empty
        return create_variable(
            self.zarr_group,
            name,
            shape=shape,
            dtype=dtype,
            fill_value=fill_value,
            encoding=encoding,
            attributes=attrs,
        )

    # ------------------------------------------------------------ writing

    def encode_variable(self, variable: Variable, name: Hashable = None) -> Variable:
        """Return the variable as it is stored. NaN is missing in any case, and JSON has no attribute for it."""
        encoded: Variable = super().encode_variable(variable, name=name)
        missing = encoded.attrs.get("missing_value")
        if isinstance(missing, (float, np.floating)) and np.isnan(missing):
            del encoded.attrs["missing_value"]
        return encoded

    def store(
        self,
        variables: Variables,
        attributes: Mapping[str, Any],
        check_encoding_set: Any = frozenset(),
        writer: Any = None,
        unlimited_dims: Any = None,
    ) -> None:
        """Write variables and attributes; `xarray.backends.writers.dump_to_store` calls this."""
        there = {*()} if self._mode == "w" else {*self.array_keys()}
        stored = {name for name in variables if _encode_variable_name(name) in there}
        self._check_names([name for name in variables if name not in stored])
        new, attributes = self.encode({name: v for name, v in variables.items() if name not in stored}, attributes)
        encoded = {**new, **self._encoded_as_stored({name: v for name, v in variables.items() if name in stored})}
        if self._mode != "r+":
            self.set_attributes(attributes)
            self.set_dimensions(encoded, unlimited_dims=unlimited_dims)
        if self._mode == "a-" and self._append_dim is not None:
            encoded = {name: v for name, v in encoded.items() if name not in stored or self._append_dim in v.dims}
        self.set_variables(encoded, check_encoding_set, writer, unlimited_dims=unlimited_dims)

    def _check_names(self, new: list[Hashable]) -> None:
        """Raise ValueError for variables that the mode does not create, and for a dimension that no array has."""
        if self._mode == "r+" and new:
            raise ValueError(
                f"dataset contains non-pre-existing variables {new!r}, which is not allowed in mode='r+'. "
                "Set mode='a' to write new variables"
            )
        if self._append_dim is not None and self._append_dim not in self.members:
            dims = self.get_dimensions()
            if self._append_dim not in dims:
                raise ValueError(
                    f"append_dim={self._append_dim!r} does not match any existing dataset dimensions {dims}"
                )

    def _encoded_as_stored(self, variables: Variables) -> Variables:
        """Return variables with the encodings, and the order of dimensions, of the stored ones that they change."""
        if not variables:
            return {}
        stored, _, _ = decode_cf_variables(
            {name: self.open_store_variable(_encode_variable_name(name)) for name in variables}, {}
        )
        prepared = {}
        for name, variable in variables.items():
            _validate_datatypes_for_zarr_append(name, stored[name], variable)
            prepared[name] = variable.copy(deep=False)
            prepared[name].encoding = stored[name].encoding
        encoded, _ = self.encode(prepared, {})
        return {
            name: _validate_and_transpose_existing_dims(
                name, variable, stored[name], self._write_region, self._append_dim
            )
            for name, variable in encoded.items()
        }
