"""Parametric shapes: closed, of one piece, thick enough, each its own."""

from itertools import combinations

import numpy as np
import pytest
import trimesh
from igl.embree import EmbreeIntersector

from wsjax.data import parametric
from wsjax.meshes.distance import inside
from wsjax.meshes.mesh import Mesh, normalise

SEEDS = range(6)
CATEGORIES = list(parametric.CATEGORIES)
each_category = pytest.mark.parametrize("category", CATEGORIES)


def grid(size):
    axis = (np.arange(size) + 0.5) / size * 2 - 1
    return np.stack(np.meshgrid(axis, axis, axis), -1).reshape(-1, 3)


def parallel_walls(mesh, *, within, points=500):
    """Share of the surface that faces an opposite wall, seen through the solid."""
    corners = mesh.vertices[mesh.faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(normals, axis=1)
    normals /= area[:, None]
    generator = np.random.default_rng(0)
    faces = generator.choice(len(area), points, p=area / area.sum())
    weights = generator.dirichlet(np.ones(3), points)
    starts = (corners[faces] * weights[..., None]).sum(axis=1)
    caster = EmbreeIntersector()
    caster.init(mesh.vertices.astype(np.float32), mesh.faces.astype(np.int32))
    count = 0
    for start, normal in zip(starts, normals[faces], strict=True):
        ray = (start - 1e-4 * normal).astype(np.float32), -normal.astype(np.float32)
        face, distance, *_ = caster.intersectRay_first(*ray)
        count += face >= 0 and distance < within and normals[face] @ normal < -0.8
    return count / points


def test_categories_are_in_alphabetical_order():
    assert CATEGORIES == sorted(CATEGORIES) and len(CATEGORIES) == 10


@each_category
def test_every_instance_is_one_closed_solid_of_few_faces(category):
    for seed in SEEDS:
        mesh = parametric.make(category, seed)
        assert mesh.vertices.dtype == np.float64 and mesh.faces.dtype == np.int64
        assert len(mesh.faces) <= 6000
        solid = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
        assert solid.is_watertight and solid.is_winding_consistent
        assert solid.body_count == 1
        assert solid.volume > 0.01 * np.ptp(mesh.vertices, axis=0).max() ** 3


@each_category
def test_an_instance_depends_on_category_and_seed_alone(category):
    first = parametric.make(category, 3)
    parametric.make(category, 4)
    again = parametric.make(category, 3)
    np.testing.assert_array_equal(first.vertices, again.vertices)
    np.testing.assert_array_equal(first.faces, again.faces)


@each_category
def test_instances_of_a_category_differ(category):
    """By the volume that only one of two has, as a share of what either has."""
    points = grid(24)
    filled = [
        inside(normalise(parametric.make(category, seed))[0], points) for seed in SEEDS
    ]
    apart = [(a ^ b).sum() / (a | b).sum() for a, b in combinations(filled, 2)]
    assert min(apart) > 0.05 and np.mean(apart) > 0.2


@each_category
def test_no_part_is_thin(category):
    for seed in SEEDS:
        mesh, _ = normalise(parametric.make(category, seed))
        assert parallel_walls(mesh, within=0.1) <= 0.01


def test_thin_parts_would_be_seen():
    for thick, share in ((0.09, 0.86), (0.11, 0.0)):
        board = trimesh.creation.box((1.8, thick, 0.9))
        mesh = Mesh(np.array(board.vertices), np.array(board.faces))
        assert parallel_walls(mesh, within=0.1) == pytest.approx(share, abs=0.05)


def test_things_point_where_they_should():
    """Wide and low, tall, or long: what tells the categories apart at a glance."""
    longest = dict(bench=0, sofa=0, table=0, chair=1, lamp=1, loudspeaker=1)
    longest |= dict(boat=2, car=2, rifle=2)
    for category, axis in longest.items():
        for seed in SEEDS:
            extent = np.ptp(parametric.make(category, seed).vertices, axis=0)
            assert extent.argmax() == axis, (category, seed)


@pytest.mark.parametrize("category", ["airplane", "boat", "car", "chair", "sofa"])
def test_mirror_images_are_alike_but_front_and_back_are_not(category):
    """A sofa's longer seat is on one side, so it is no mirror image of itself."""
    mesh, _ = normalise(parametric.make(category, 0))
    points = grid(32)
    filled = inside(mesh, points)

    def shared(*signs):
        other = inside(mesh, points * np.array(signs, float))
        return (filled & other).sum() / (filled | other).sum()

    assert shared(1, 1, -1) < 0.8
    if category != "sofa":
        assert shared(-1, 1, 1) > 0.97


def test_an_unknown_category_is_named_with_the_choices():
    with pytest.raises(ValueError, match="one of airplane, bench, .* got 'teapot'"):
        parametric.make("teapot", 0)
