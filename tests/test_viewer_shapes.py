"""What the viewer of shapes packs into a page."""

import base64
import json
import re

import numpy as np
import pytest
import trimesh

from experiments.page import viewer
from wsjax.meshes.mesh import Mesh


def ball(subdivisions):
    solid = trimesh.creation.icosphere(subdivisions=subdivisions, radius=0.8)
    return Mesh(np.asarray(solid.vertices), np.asarray(solid.faces, np.int64))


def shapes_in(fragment):
    data = re.search(r'<script type="application/json">(.*?)</script>', fragment)[1]
    for shape in json.loads(data):
        raw = [base64.b64decode(shape[k]) for k in ("vertices", "faces")]
        steps = np.frombuffer(raw[0], "<u2").reshape(-1, 3)
        faces = np.frombuffer(raw[1], "<u4" if shape["wide"] else "<u2")
        yield shape["name"], steps / 32767.5 - 1, faces.reshape(-1, 3)


def test_vertices_are_kept_to_half_a_step_and_large_shapes_shrunk():
    small = ball(2)
    large = Mesh(small.vertices * 10, small.faces)
    (name, vertices, faces), other = shapes_in(
        viewer.fragment({"ball": small, "large": large})
    )
    assert name == "ball"
    np.testing.assert_array_equal(faces, small.faces)
    np.testing.assert_allclose(vertices, small.vertices, atol=0.5001 / 32767.5)
    assert np.abs(other[1]).max() == 1


def test_many_faces_are_simplified_and_many_vertices_keep_their_faces():
    ((_, vertices, faces),) = shapes_in(viewer.fragment({"fine": ball(5)}, faces=2000))
    assert len(faces) == 2000
    simple = trimesh.Trimesh(vertices, faces, process=False)
    assert simple.is_watertight
    assert simple.volume == pytest.approx(4 / 3 * np.pi * 0.8**3, rel=0.01)
    # Three faces at one edge: cannot be simplified, and has more than 65,536 vertices.
    fan = np.array([[0, 1, 2], [0, 1, 3], [0, 1, 70_000]])
    many = Mesh(np.random.default_rng(0).uniform(-1, 1, (70_001, 3)), fan)
    ((_, vertices, faces),) = shapes_in(viewer.fragment({"fan": many}, faces=2))
    np.testing.assert_array_equal(faces, fan)
    np.testing.assert_allclose(vertices[70_000], many.vertices[70_000], atol=1e-4)


def test_ten_thousand_faces_take_less_than_150_kilobytes():
    assert len(viewer.fragment({"fine": ball(5)})) < 150_000


def test_no_shapes_are_refused():
    with pytest.raises(ValueError, match="expected one shape or more"):
        viewer.fragment({})
