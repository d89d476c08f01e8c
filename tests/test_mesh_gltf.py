"""glTF scenes: parts lie where their nodes are, and no scene asks too much."""

import base64
import json

import numpy as np
import pytest
import trimesh

from wsjax.meshes.formats import BadMesh, decode
from wsjax.meshes.mesh import Mesh


def volume(mesh: Mesh) -> float:
    return trimesh.Trimesh(*mesh, process=False).volume


def test_scene_parts_lie_where_their_nodes_are():
    scene = trimesh.Scene()
    part = trimesh.creation.box()
    part.vertices += [0.5, 0.25, 0]
    mirror = np.diag([-2.0, 1, 1, 1])
    turn = trimesh.transformations.rotation_matrix(0.7, [1, 2, 3], [0, 1, 0])
    scene.add_geometry(part, geom_name="part", node_name="one", transform=turn)
    scene.graph.update("two", "one", matrix=mirror, geometry="part")
    whole = decode(scene.export(file_type="glb"), ".glb")
    places = trimesh.transformations.transform_points
    expected = [places(part.vertices, turn), places(part.vertices, turn @ mirror)]
    assert len(whole.faces) == 24 and len(whole.vertices) == 16
    found = whole.vertices[np.lexsort(whole.vertices.round(5).T)]
    expected = np.concatenate(expected)
    expected = expected[np.lexsort(expected.round(5).T)]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert volume(whole) == pytest.approx(1 + 2, rel=1e-6)  # The mirror turns faces.


def inline(tree: dict, data: bytes) -> str:
    uri = "data:application/octet-stream;base64," + base64.b64encode(data).decode()
    return json.dumps(tree | {"buffers": [{"uri": uri, "byteLength": len(data)}]})


def single_buffer(mesh) -> tuple[dict, bytes]:
    exported = mesh.export(file_type="gltf")
    tree = json.loads(exported["model.gltf"])
    data = b""
    for view in tree["bufferViews"]:
        piece = exported[tree["buffers"][view["buffer"]]["uri"]]
        start = view.get("byteOffset", 0)
        offset = len(data)
        data += piece[start : start + view["byteLength"]]
        view.update(buffer=0, byteOffset=offset)
    return tree, data


def test_gltf_that_holds_its_buffers():
    box = trimesh.creation.box()
    tree, data = single_buffer(box)
    found = decode(inline(tree, data).encode(), ".gltf")
    np.testing.assert_array_equal(found.faces, box.faces)
    outside = json.dumps(tree | {"buffers": [{"uri": "x.bin", "byteLength": 9}]})
    with pytest.raises(BadMesh, match="another file, 'x.bin'"):
        decode(outside.encode(), ".gltf")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"extensionsRequired": ["KHR_draco_mesh_compression"]}, "KHR_draco.*npx"),
        ({"extensionsRequired": ["EXT_meshopt_compression"]}, "EXT_meshopt.*npx"),
        ({"extensionsRequired": ["XYZ_folded_space"]}, "'XYZ_folded_space'"),
        ({"nodes": [{"mesh": 0, "children": [0]}]}, "no tree"),
        ({"nodes": [{"mesh": 0}, {"mesh": 0}] * 20000}, "480000 faces .* 400000"),
        ({"accessors": [{"count": 10**12, "componentType": 5126}]}, "promises more"),
        ({"accessors": [{"count": -1, "componentType": 5126}]}, "promises more"),
        ({"asset": {"version": "1.0"}}, "does not decode"),
    ],
)
def test_gltf_that_asks_too_much(change, reason):
    tree, data = single_buffer(trimesh.creation.box())
    with pytest.raises(BadMesh, match=reason):
        decode(inline(tree | change, data).encode(), ".gltf", most_faces=400_000)
    kept = change | {"extensionsRequired": ["KHR_materials_unlit"]}
    if "extensionsRequired" in change:  # It is the kind of extension that matters.
        decode(inline(tree | kept, data).encode(), ".gltf")


@pytest.mark.parametrize(
    "name",
    [
        "EXT_mesh_gpu_instancing",
        "EXT_meshopt_compression",
        "KHR_draco_mesh_compression",
        "KHR_node_visibility",
    ],
)
def test_an_extension_that_changes_the_shape_need_not_be_required(name):
    tree, data = single_buffer(trimesh.creation.box())
    with pytest.raises(BadMesh, match=f"uses {name}"):
        decode(inline(tree | {"extensionsUsed": [name]}, data).encode(), ".gltf")
    harmless = {"extensionsUsed": ["KHR_lights_punctual", "MOZ_hubs_components"]}
    decode(inline(tree | harmless, data).encode(), ".gltf")


def test_vertices_that_many_nodes_repeat_are_counted():
    """A triangle among 3000 vertices, placed 2000 times, is not 6 million vertices."""
    cloud = np.random.default_rng(0).normal(size=(3000, 3))
    mesh = trimesh.Trimesh(cloud, [[0, 1, 2]], process=False)
    tree, data = single_buffer(mesh)
    tree["nodes"] = [{"mesh": 0}] * 2000
    tree["scenes"] = [{"nodes": list(range(2000))}]
    with pytest.raises(BadMesh, match="2000 faces with 6000000 vertices"):
        decode(inline(tree, data).encode(), ".gltf")


def test_numbers_that_need_no_bytes_are_counted():
    tree, data = single_buffer(trimesh.creation.box())
    empty = {"componentType": 5126, "type": "MAT4", "count": 10_000_000}
    tree["accessors"].append(empty)
    text = inline(tree, data).encode() + b" " * 4_000_000
    with pytest.raises(BadMesh, match="10000000 vertices, expected at most"):
        decode(text, ".gltf")
