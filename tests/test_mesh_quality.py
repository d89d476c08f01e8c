"""Closed forms of what is wrong with a mesh, and that repairs only repair."""

import igl
import numpy as np
import pytest
import trimesh

from wsjax.meshes.crossing import crosses
from wsjax.meshes.mesh import Mesh
from wsjax.meshes.quality import FLAGS, inspect, repaired


def mesh_of(shape) -> Mesh:
    return Mesh(np.array(shape.vertices, float), np.array(shape.faces, np.int64))


BOX = mesh_of(trimesh.creation.box())  # Side 1, about the origin.


def moved(mesh: Mesh, by=0.0, scale=1.0) -> Mesh:
    return Mesh(mesh.vertices * scale + by, mesh.faces)


def turned(mesh: Mesh, rows=slice(None)) -> Mesh:
    faces = mesh.faces.copy()
    faces[rows] = faces[rows, ::-1]
    return Mesh(mesh.vertices, faces)


def joined(*meshes: Mesh) -> Mesh:
    starts = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes])
    faces = [mesh.faces + start for mesh, start in zip(meshes, starts, strict=False)]
    return Mesh(np.concatenate([m.vertices for m in meshes]), np.concatenate(faces))


def with_faces(mesh: Mesh, faces) -> Mesh:
    return Mesh(mesh.vertices, np.concatenate([mesh.faces, np.array(faces)]))


BIG = moved(BOX, 0, 3)
HOLLOW = joined(BIG, turned(BOX))
FIN = Mesh(np.concatenate([BOX.vertices, [[2.0, 2, 2]]]), BOX.faces)
SOUP = Mesh(BOX.vertices[BOX.faces].reshape(-1, 3), np.arange(36).reshape(-1, 3))
LAID = joined(BOX, moved(BOX, [0, 1, 0]))  # They share a side, exactly.

CASES = {
    "box": (BOX, (), 1),
    "box of loose triangles": (SOUP, (), 1),
    "sphere": (mesh_of(trimesh.creation.icosphere(2)), (), 1),
    "torus": (mesh_of(trimesh.creation.torus(2, 0.5)), (), 1),
    "capsule": (mesh_of(trimesh.creation.capsule()), (), 1),
    "open box": (Mesh(BOX.vertices, BOX.faces[1:]), ("open",), 1),
    "one face flipped": (turned(BOX, [3]), ("flipped faces",), 1),
    "inside out": (turned(BOX), ("inverted",), 1),
    "open inside out": (
        turned(Mesh(BOX.vertices, BOX.faces[1:])),
        ("open", "inverted"),
        1,
    ),
    "apart": (joined(BOX, moved(BOX, 2)), ("several bodies",), 2),
    "one of two inside out": (
        joined(BOX, turned(moved(BOX, 2, 0.5))),
        ("inverted", "several bodies"),
        2,
    ),
    "overlapping": (
        joined(BOX, moved(BOX, 0.5)),
        ("self-intersecting", "several bodies"),
        2,
    ),
    "overlapping askew": (
        joined(BOX, moved(BOX, [0.3, 0.2, 0.1])),
        ("self-intersecting", "several bodies"),
        2,
    ),
    "one inside the other": (joined(BIG, BOX), ("several bodies",), 2),
    "hollow": (HOLLOW, ("several bodies",), 2),
    "hollow inside out": (turned(HOLLOW), ("inverted", "several bodies"), 2),
    "touching at an edge": (joined(BOX, moved(BOX, [1, 1, 0])), ("non-manifold",), 1),
    "fin": (
        with_faces(FIN, [[BOX.faces[0, 0], BOX.faces[0, 1], 8]]),
        ("open", "non-manifold"),
        1,
    ),
    "collapsed face": (with_faces(BOX, [[0, 0, 1]]), ("degenerate faces",), 1),
    "face twice": (with_faces(BOX, BOX.faces[:1]), ("duplicate faces",), 1),
    "all faces on both sides": (
        with_faces(BOX, BOX.faces[:, ::-1]),
        ("duplicate faces",),
        1,
    ),
}
BOTH = "all faces on both sides"
OPEN = ("open box", "open inside out", "fin")
FAULTS = ("flipped faces", "inverted", "degenerate faces", "duplicate faces")


@pytest.mark.parametrize("case", CASES)
def test_closed_forms(case):
    mesh, flags, bodies = CASES[case]
    found = inspect(mesh)
    assert found.flags == flags
    assert found.bodies == bodies and found.faces == len(mesh.faces)
    assert (found.boundary_edges > 0) == ("open" in flags)


@pytest.mark.parametrize("case", CASES)
def test_flags_do_not_depend_on_pose_or_order(case):
    mesh, flags, _ = CASES[case]
    rng = np.random.default_rng(len(case))
    places, rows = rng.permutation(len(mesh.vertices)), rng.permutation(len(mesh.faces))
    back = np.argsort(places)
    shuffled = Mesh(mesh.vertices[places], back[mesh.faces[rows]])
    if case != BOTH:  # Which copy comes first decides there what faces say.
        assert inspect(shuffled).flags == flags
    assert inspect(moved(mesh, [4, 5, -6], 2.0**10)).flags == flags
    assert set(flags) <= set(FLAGS)
    assert list(flags) == sorted(flags, key=FLAGS.index)


def test_volume_and_edges_in_numbers():
    assert inspect(BOX).volume == pytest.approx(1)
    assert inspect(moved(BOX, 7, 3)).volume == pytest.approx(27)
    assert inspect(turned(BOX)).volume == pytest.approx(-1)
    assert inspect(HOLLOW).volume == pytest.approx(27 - 1)
    assert inspect(Mesh(BOX.vertices, BOX.faces[1:])).boundary_edges == 3
    assert inspect(SOUP).boundary_edges == 0


@pytest.mark.parametrize("case", CASES)
def test_repaired_has_the_faults_no_more(case):
    mesh, flags, _ = CASES[case]
    found = repaired(mesh)
    expected = tuple(flag for flag in flags if flag not in FAULTS)
    assert inspect(found).flags == expected
    again = repaired(found)
    np.testing.assert_array_equal(again.vertices, found.vertices)
    np.testing.assert_array_equal(again.faces, found.faces)
    if not set(flags) & set(FAULTS):
        np.testing.assert_array_equal(
            found.vertices[found.faces], mesh.vertices[mesh.faces]
        )


@pytest.mark.parametrize("case", [case for case in CASES if case not in OPEN])
def test_winding_number_of_the_repaired_tells_inside(case):
    mesh, _, _ = CASES[case]
    if case in ("sphere", "torus", "capsule"):
        shape = trimesh.Trimesh(*mesh, process=False)
        points = shape.vertices + 0.05 * shape.vertex_normals
        points = np.concatenate([points, 2 * shape.vertices - points])
        inside = np.arange(len(points)) >= len(points) // 2
    else:
        points = np.random.default_rng(0).uniform(-2, 3, (4000, 3))
        boxes = {
            "apart": [(0, 1), (2, 1)],
            "one of two inside out": [(0, 1), (2, 0.5)],
            "overlapping": [(0, 1), (0.5, 1)],
            "overlapping askew": [(0, 1), ([0.3, 0.2, 0.1], 1)],
            "one inside the other": [(0, 3)],
            "hollow": [(0, 3)],
            "hollow inside out": [(0, 3)],
            "touching at an edge": [(0, 1), ([1, 1, 0], 1)],
        }.get(case, [(0, 1)])
        within = [(np.abs(points - by) < side / 2).all(axis=1) for by, side in boxes]
        inside = np.any(within, axis=0)
        if "hollow" in case:
            inside &= ~(np.abs(points) < 0.5).all(axis=1)
    found = repaired(mesh)
    winding = igl.fast_winding_number(found.vertices, found.faces, points)
    np.testing.assert_array_equal(winding >= 0.5, inside)


def test_a_minority_of_flipped_faces_follows_the_majority():
    torus = mesh_of(trimesh.creation.torus(2, 0.5))
    rng = np.random.default_rng(0)
    for share in (0.1, 0.4, 0.6, 1.0):
        rows = rng.random(len(torus.faces)) < share
        found = repaired(turned(torus, rows))
        volume = inspect(found).volume
        assert volume == pytest.approx(inspect(torus).volume)
        np.testing.assert_array_equal(
            np.sort(found.faces, axis=1), np.sort(torus.faces, axis=1)
        )


def test_a_flipped_face_does_not_turn_its_patch():
    """Patches that meet at a non-manifold edge cannot help each other."""
    mesh = CASES["touching at an edge"][0]
    for row in range(len(mesh.faces)):
        found = repaired(turned(mesh, [row]))
        assert inspect(found).volume == pytest.approx(2)


def test_a_mesh_without_area_is_refused():
    line = Mesh(np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0]]), np.array([[0, 1, 2]]))
    for use in (inspect, repaired):
        with pytest.raises(ValueError, match="area"):
            use(line)


def test_crosses_agrees_with_brute_force():
    """Against the exact test of libigl, pair by pair, on triangles in any position."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(200):
        corners = rng.normal(size=(6, 3))
        pair = Mesh(corners, np.arange(6).reshape(2, 3))
        expected = igl.tri_tri_overlap_test_3d(*(row[None] for row in corners))
        found.append(crosses(pair))
        assert found[-1] == bool(np.ravel(expected)[0])
    assert 30 < sum(found) < 170


def test_faces_that_touch_do_not_cross():
    assert crosses(LAID) is False
    assert crosses(joined(BOX, moved(BOX, [1, 0.3, 0.2], 0.1))) is False
    pierced = with_faces(
        Mesh(np.concatenate([BOX.vertices, [[0.1, 0.2, 2]]]), BOX.faces), [[0, 3, 8]]
    )
    assert crosses(pierced) is True  # Its corners are the box's, its middle is not.


def test_a_search_that_would_take_long_is_given_up():
    pair = joined(BOX, moved(BOX, 0.5))
    assert crosses(pair, most_pairs=10) is None
    found = inspect(pair, most_pairs=10).flags
    assert found == ("self-intersection not checked", "several bodies")
    # A crossing is found wherever it lies among the chunks that pairs are taken in.
    sphere = mesh_of(trimesh.creation.icosphere(4))
    spheres = joined(sphere, moved(sphere, [1.999, 0.01, 0]))
    assert crosses(sphere) is False and crosses(spheres) is True
