"""Reading glTF scenes (`.glb`, self-contained `.gltf`) as one soup of triangles."""

import io
import json
import struct

import numpy as np
import trimesh
from trimesh.exchange.gltf import export_glb, load_glb, load_gltf

from wsjax.meshes.mesh import BadMesh, check_corners
from wsjax.meshes.text import VERTICES_PER_FACE

__all__ = ["HARMFUL", "HARMLESS", "UNPACKED", "read_gltf", "write_glb"]

# Prefixes of extensions that a file may require since they change no triangle.
HARMLESS = ("KHR_materials_", "KHR_texture_", "EXT_texture_", "KHR_lights_")

# Extensions that change triangles even where a file does not require them: a reader
# that ignores them sees another shape.
UNPACKED = "unpack them with `npx @gltf-transform/cli copy in.glb out.glb`"
HARMFUL = {
    "KHR_draco_mesh_compression": f"compressed meshes; {UNPACKED}",
    "EXT_meshopt_compression": f"compressed meshes; {UNPACKED}",
    "KHR_meshopt_compression": f"compressed meshes; {UNPACKED}",
    "EXT_mesh_gpu_instancing": "repeated meshes; save each as a node of its own",
    "KHR_node_visibility": "hidden nodes; save it without them",
}


def read_gltf(
    content: bytes, *, binary: bool, most_faces: int
) -> tuple[np.ndarray, np.ndarray]:
    """Reads the triangles of a glTF scene, each mesh where its nodes put it.

    Materials, skins and morph targets are ignored; no other file is opened.

    Args:
      content: a `.glb`, or a `.gltf` whose buffers are inside it.
      binary: whether it is a `.glb`.
      most_faces: nothing is decoded if the scene promises more triangles, or more than
        `VERTICES_PER_FACE` times as many vertices.

    Returns:
      Vertices `[V, 3]` float64 and faces `[F, 3]` int64; a mirrored mesh is turned
      so that its faces still look outwards.

    Raises:
      BadMesh: if lengths or counts contradict each other, or the file needs
        another file, or uses an extension that changes triangles.
      Exception: whatever the decoder meets in damaged content.
    """
    tree = json.loads(_json_chunk(content) if binary else content)
    if not isinstance(tree, dict):
        raise BadMesh("expected a glTF scene")
    _check_self_contained(tree)
    _check_extensions(tree)
    _check_counts(tree, len(content), most_faces)
    load = load_glb if binary else load_gltf
    return _placed(load(io.BytesIO(content), resolver=None, skip_materials=True))


def write_glb(vertices: np.ndarray, faces: np.ndarray, *, about_centre: bool) -> bytes:
    """Writes a GLB of one mesh.

    Args:
      vertices: `[V, 3]`, stored as float32.
      faces: `[F, 3]` rows of `vertices`.
      about_centre: whether to store them about their centre, which becomes the
        translation of their node: that is a JSON number, exact in float64.
    """
    pose = np.eye(4)
    if about_centre:
        pose[:3, 3] = (vertices.min(axis=0) + vertices.max(axis=0)) / 2
    scene = trimesh.Scene()
    scene.add_geometry(
        trimesh.Trimesh(vertices - pose[:3, 3], faces, process=False), transform=pose
    )
    return export_glb(scene, include_normals=False)


def _json_chunk(content: bytes) -> bytes:
    if len(content) < 20:
        raise BadMesh(f"cut short: {len(content)} bytes, a GLB header has 20")
    magic, version, length, chunk, kind = struct.unpack("<4sIII4s", content[:20])
    if magic != b"glTF":
        raise BadMesh("expected a GLB, which starts with glTF")
    if version != 2:
        raise BadMesh(f"glTF version {version}, expected 2")
    if length != len(content) or chunk > length - 20 or kind != b"JSON":
        raise BadMesh(
            f"header promises {length} bytes with {chunk} of JSON, the file has"
            f" {len(content)}; it is cut short or damaged"
        )
    return content[20 : 20 + chunk]


def _check_self_contained(tree: dict) -> None:
    for buffer in tree.get("buffers", []):
        uri = buffer.get("uri", "data:")
        if not uri.startswith("data:"):
            raise BadMesh(f"needs another file, {uri[:60]!r}; save it as one .glb")


def _check_extensions(tree: dict) -> None:
    required = tree.get("extensionsRequired", [])
    for name in [*tree.get("extensionsUsed", []), *required]:
        if name in HARMFUL:
            raise BadMesh(f"uses {name}, which is not supported: {HARMFUL[name]}")
    for name in required:
        if not name.startswith(HARMLESS):
            raise BadMesh(
                f"needs the extension {name[:60]!r}, which is not supported; save it"
                " without"
            )


def _check_counts(tree: dict, size: int, most_faces: int) -> None:
    """Raises unless what the scene promises can be in the file, and is not too much."""
    accessors, nodes = tree.get("accessors", []), tree.get("nodes", [])
    views = [view["byteLength"] for view in tree.get("bufferViews", [])]
    counts = [accessor["count"] for accessor in accessors]
    # Views and accessors may share bytes, but hardly all of them many times over.
    if min([0, *views, *counts]) < 0 or max(sum(views), sum(counts)) > 4 * size:
        raise BadMesh("promises more numbers than the file holds; it is damaged")
    most_vertices = VERTICES_PER_FACE * most_faces
    # The decoder makes these of zeros, which need no byte of the file.
    empty = sum(a["count"] for a in accessors if "bufferView" not in a)
    children = [child for node in nodes for child in node.get("children", [])]
    roots = [root for scene in tree.get("scenes", []) for root in scene["nodes"]]
    if len(set(children)) < len(children) or set(children) & set(roots):
        raise BadMesh("its nodes are no tree; it is damaged")
    sizes = [_size(mesh, accessors) for mesh in tree.get("meshes", [])]
    placed = [sizes[node["mesh"]] for node in nodes if "mesh" in node]
    faces = sum(triangles for triangles, _ in placed)
    vertices = sum(vertices for _, vertices in placed)
    if faces > most_faces or max(vertices, empty) > most_vertices:
        raise BadMesh(
            f"promises {faces} faces with {max(vertices, empty)} vertices, expected at"
            f" most {most_faces} with {most_vertices}"
        )


def _size(mesh: dict, accessors: list[dict]) -> tuple[int, int]:
    """The numbers of triangles and of vertices that a mesh promises."""
    triangles = vertices = 0
    for primitive in mesh["primitives"]:
        mode = primitive.get("mode", 4)
        if mode in (0, 1, 2, 3):  # Points and lines.
            continue
        if mode not in (4, 5):
            raise BadMesh("has triangle fans, which are not supported")
        position = primitive["attributes"]["POSITION"]
        corners = primitive.get("indices", position)
        for accessor in (accessors[position], accessors[corners]):
            if "sparse" in accessor or "bufferView" not in accessor:
                raise BadMesh("has sparse or compressed vertices; save them plain")
        count = accessors[corners]["count"]
        triangles += count // 3 if mode == 4 else max(count - 2, 0)
        vertices += accessors[position]["count"]
    return triangles, vertices


def _placed(scene: dict) -> tuple[np.ndarray, np.ndarray]:
    """Puts each part of a scene where its node is, one after another."""
    poses = {scene["base_frame"]: np.eye(4)}
    vertices, faces, offset = [np.zeros((0, 3))], [np.zeros((0, 3), np.int64)], 0
    for node in scene["graph"]:  # Parents come before their children.
        pose = poses[node["frame_from"]] @ node["matrix"]
        poses[node["frame_to"]] = pose
        shape = scene["geometry"].get(node.get("geometry"), {})
        if "faces" not in shape:
            continue
        places = np.asarray(shape["vertices"], np.float64)
        corners = np.asarray(shape["faces"], np.int64)
        # Unchecked, a wrong corner would reach into the next mesh.
        check_corners(corners, len(places))
        if not np.array_equal(pose, np.eye(4)):
            places = places @ pose[:3, :3].T + pose[:3, 3]
        if np.linalg.det(pose[:3, :3]) < 0:
            corners = corners[:, ::-1]
        vertices.append(places)
        faces.append(corners + offset)
        offset += len(places)
    return np.concatenate(vertices), np.concatenate(faces)
