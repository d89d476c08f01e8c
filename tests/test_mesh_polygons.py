"""Polygons that are not convex keep their surface, in every format that has them."""

import numpy as np
import pytest
import trimesh

from wsjax.meshes.distance import surface_points
from wsjax.meshes.formats import decode
from wsjax.meshes.mesh import BadMesh, Mesh
from wsjax.meshes.polygons import triangulate
from wsjax.meshes.quality import inspect, repaired

TURNS = np.arange(10) * np.pi / 5
SPIKES = np.where(np.arange(10) % 2, 0.4, 1.0)
OUTLINES = {
    "L": [(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)],
    "U": [(0, 0), (3, 0), (3, 2), (2, 2), (2, 1), (1, 1), (1, 2), (0, 2)],
    "star": np.c_[SPIKES * np.cos(TURNS), SPIKES * np.sin(TURNS)].round(6).tolist(),
}


def prism(outline, turn: int = 0) -> tuple[np.ndarray, list[list[int]]]:
    """An outline drawn out from z = 0 to 1; each polygon begins at another corner."""
    count = len(outline)
    vertices = [(*point, z) for z in (0.0, 1.0) for point in outline]
    polygons = [list(range(count))[::-1], list(range(count, 2 * count))]
    for i in range(count):
        k = (i + 1) % count
        polygons.append([i, k, k + count, i + count])
    return np.array(vertices), [np.roll(polygon, turn).tolist() for polygon in polygons]


def obj(vertices, polygons) -> bytes:
    lines = [f"v {x!r} {y!r} {z!r}" for x, y, z in vertices.tolist()]
    lines += [f"f {' '.join(str(c + 1) for c in polygon)}" for polygon in polygons]
    return "\n".join(lines).encode()


def off(vertices, polygons) -> bytes:
    lines = ["OFF", f"{len(vertices)} {len(polygons)} 0"]
    lines += [f"{x!r} {y!r} {z!r}" for x, y, z in vertices.tolist()]
    lines += [f"{len(polygon)} {' '.join(map(str, polygon))}" for polygon in polygons]
    return "\n".join(lines).encode()


def ply(vertices, polygons, *, text: bool) -> bytes:
    header = f"ply\nformat {'ascii' if text else 'binary_little_endian'} 1.0\n"
    header += "comment M\u00fcller\n"
    header += f"element vertex {len(vertices)}\n"
    header += "".join(f"property double {axis}\n" for axis in "xyz")
    header += f"element face {len(polygons)}\n"
    header += "property list uchar int vertex_indices\nend_header\n"
    if text:
        return header.encode() + b"\n".join(off(vertices, polygons).split(b"\n")[2:])
    body = vertices.astype("<f8").tobytes()
    for polygon in polygons:
        body += bytes([len(polygon)]) + np.array(polygon, "<i4").tobytes()
    return header.encode() + body


WRITERS = {
    "obj": (obj, ".obj"),
    "off": (off, ".off"),
    "text ply": (lambda *shape: ply(*shape, text=True), ".ply"),
    "binary ply": (lambda *shape: ply(*shape, text=False), ".ply"),
}


def distance_to_prism(points: np.ndarray, outline) -> np.ndarray:
    """Distance to the surface of the prism, from its outline alone."""
    start, end = np.array(outline), np.roll(outline, -1, axis=0)
    along = end - start
    offset = points[:, None, :2] - start
    share = (offset * along).sum(-1) / np.square(along).sum(-1)
    apart = np.linalg.norm(offset - share.clip(0, 1)[..., None] * along, axis=-1)
    to_walls = apart.min(axis=1)
    # A ray to +x crosses the outline an odd number of times from inside.
    x, y = offset[..., 0], offset[..., 1]
    spans = (y < 0) != (y - along[:, 1] < 0)
    beyond = x < along[:, 0] * y / np.where(along[:, 1] == 0, 1, along[:, 1])
    inside = (spans & beyond).sum(axis=1) % 2 == 1
    to_lids = np.minimum(np.abs(points[:, 2]), np.abs(points[:, 2] - 1))
    return np.minimum(to_walls, np.where(inside, to_lids, np.inf))


@pytest.mark.parametrize("outline", OUTLINES)
@pytest.mark.parametrize("writer", WRITERS)
def test_surface_points_of_a_concave_prism_lie_on_it(outline, writer):
    write, suffix = WRITERS[writer]
    for turn in (0, 1, 3):
        mesh = decode(write(*prism(OUTLINES[outline], turn)), suffix)
        points, _ = surface_points(mesh, 2000, np.random.default_rng(0))
        assert distance_to_prism(points, OUTLINES[outline]).max() < 1e-6
        made = trimesh.Trimesh(*mesh, process=False)
        ring = np.array([*OUTLINES[outline], OUTLINES[outline][0]])
        area = np.linalg.det(np.stack([ring[:-1], ring[1:]], 1)).sum() / 2
        walls = np.linalg.norm(np.diff(ring, axis=0), axis=1).sum()
        assert made.volume == pytest.approx(area)
        assert made.area == pytest.approx(2 * area + walls)
        assert inspect(mesh).flags == ()


def test_a_polygon_is_cut_alike_from_any_corner_and_from_behind():
    vertices, polygons = prism(OUTLINES["star"])
    spin = trimesh.transformations.rotation_matrix(0.7, [1, 2, 3])[:3, :3]
    vertices = vertices @ spin.T
    for polygon in polygons:
        one = triangulate(vertices, [polygon])
        for turn in range(len(polygon)):
            other = triangulate(vertices, [np.roll(polygon, turn)])
            np.testing.assert_array_equal(other, one)
        behind = triangulate(vertices, [polygon[::-1]])
        np.testing.assert_array_equal(behind, one[:, ::-1])


def test_triangles_keep_their_corners_and_their_order():
    vertices, polygons = prism(OUTLINES["L"])
    mixed = [[2, 0, 1], polygons[2], [5, 4], polygons[0], [4, 3, 5]]
    found = triangulate(vertices, mixed)
    assert found[0].tolist() == [2, 0, 1] and found[-1].tolist() == [4, 3, 5]
    assert len(found) == 1 + 2 + 0 + 4 + 1 and found.dtype == np.int64
    assert set(found[1:3].ravel()) == set(polygons[2])
    assert triangulate(vertices, []).shape == (0, 3)
    for wrong in ([0, 1, 2, 12], [0, 1, -1]):
        with pytest.raises(BadMesh, match="expected 0 to 11"):
            triangulate(vertices, [wrong])


def test_polygons_of_different_length_may_add_up_to_those_of_equal_length():
    """A quad, a triangle and a pentagon take the bytes of three quads in a PLY."""
    vertices, _ = prism(OUTLINES["L"])
    polygons = [[0, 1, 7, 6], [2, 8, 3], [4, 5, 11, 10, 9]]
    found = decode(ply(vertices, polygons, text=False), ".ply")
    expected = decode(obj(vertices, polygons), ".obj")
    np.testing.assert_array_equal(found.faces, expected.faces)


@pytest.mark.parametrize("writer", WRITERS)
def test_one_side_of_a_double_sided_shape_is_dropped(writer):
    write, suffix = WRITERS[writer]
    vertices, polygons = prism(OUTLINES["L"])
    doubled = polygons + [np.roll(polygon, 1)[::-1].tolist() for polygon in polygons]
    mesh = decode(write(vertices, doubled), suffix)
    assert inspect(mesh).flags[-1] == "duplicate faces"
    single = repaired(mesh)
    assert inspect(single).flags == ()
    assert inspect(single).volume == pytest.approx(3)
    assert len(single.faces) == len(mesh.faces) / 2


def test_the_sides_may_be_cut_along_different_diagonals():
    """As a file of triangles has them: GLB and STL know no quads."""
    corners, quads = np.array([*np.ndindex(2, 2, 2)], float), []
    for row in ("0132", "4576", "0451", "2376", "0264", "1375"):
        quads.append([int(corner) for corner in row])
    box = trimesh.convex.convex_hull(corners)
    outwards = []
    for a, b, c, d in quads:
        normal = np.cross(corners[b] - corners[a], corners[c] - corners[a])
        out = normal @ (corners[a] - 0.5) > 0
        outwards.append([a, b, c, d] if out else [d, c, b, a])
    front = [f for a, b, c, d in outwards for f in ([a, b, c], [a, c, d])]
    back = [f for a, b, c, d in outwards for f in ([d, c, b], [d, b, a])]
    spin = trimesh.transformations.rotation_matrix(0.7, [1, 2, 3])[:3, :3]
    turned = (corners @ spin.T).astype(np.float32).astype(np.float64)
    doubled = Mesh(turned, np.array(front + back))
    assert inspect(doubled).volume == pytest.approx(0, abs=1e-6)
    single = repaired(doubled)
    assert "duplicate faces" in inspect(doubled).flags
    assert inspect(single).flags == ()
    assert inspect(single).volume == pytest.approx(box.volume, rel=1e-5)
    # A tetrahedron has four corners, too, and an edge for each diagonal.
    solid = Mesh(
        turned[[0, 1, 2, 4]], np.array([[0, 1, 3], [0, 2, 1], [0, 3, 2], [1, 2, 3]])
    )
    assert (
        len(repaired(solid).faces) == 4
        and "duplicate faces" not in inspect(solid).flags
    )
