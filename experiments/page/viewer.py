"""A 3D viewer for web pages: plain WebGL, with script and shapes in the page."""

import base64
import hashlib
import pathlib

import igl
import jinja2
import numpy as np

from wsjax.meshes.mesh import Mesh

__all__ = ["fragment", "script_hash"]

_TEMPLATE = pathlib.Path(__file__).parent / "viewer.html"


def fragment(meshes: dict[str, Mesh], *, faces: int = 10_000) -> str:
    """Renders HTML in which a reader selects, turns and zooms one of several shapes.

    The HTML holds its style, its script and the shapes, and fetches nothing; a page may
    hold several viewers. In a browser without WebGL the script draws the shapes face by
    face on a 2D canvas; where scripts are off, a line says so. A page with a content
    security policy must allow the script by `script_hash`.

    Args:
      meshes: shapes by name, in the order of the menu. They should lie in [-1, 1]^3;
        larger ones are shrunk. Vertices are rounded to 1 / 32768 of the half side.
      faces: most faces of a shape, about 12 bytes each. Shapes with more are simplified
        by quadric error metrics (Garland and Heckbert 1997), unless they are no
        manifold.

    Returns:
      A `<figure>` element.

    Raises:
      ValueError: if there are no meshes.
    """
    if not meshes:
        raise ValueError("meshes: expected one shape or more, found none to show")
    shapes = [
        {"name": name, **_packed(_simplified(mesh, faces))}
        for name, mesh in meshes.items()
    ]
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(_TEMPLATE.read_text("utf-8")).render(shapes=shapes)


def script_hash() -> str:
    """Source that allows the script in a content security policy: `'sha256-...'`."""
    script = _TEMPLATE.read_text("utf-8").split("<script>")[1].split("</script>")[0]
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _simplified(mesh: Mesh, most: int) -> Mesh:
    if len(mesh.faces) <= most:
        return mesh
    vertices = np.asfortranarray(mesh.vertices, dtype=np.float64)
    faces = np.asfortranarray(mesh.faces, dtype=np.int32)
    vertices, faces, _, _ = igl.qslim(vertices, faces, most)
    # `qslim` returns no faces for a mesh that is no manifold.
    return Mesh(vertices, faces) if len(faces) else mesh


def _packed(mesh: Mesh) -> dict[str, str | bool]:
    """Base64 of the vertices, 16 bits a coordinate, and of the faces.

    Vertex indices have 16 bits, or 32 if `wide`.
    """
    extent = max(1.0, np.abs(mesh.vertices).max(initial=0.0))
    steps = np.round((mesh.vertices / extent + 1) * 32767.5).astype("<u2")
    wide = len(mesh.vertices) > 1 << 16
    indices = mesh.faces.astype("<u4" if wide else "<u2")
    encoded = (base64.b64encode(a.tobytes()).decode() for a in (steps, indices))
    return dict(zip(("vertices", "faces"), encoded, strict=True)) | {"wide": wide}
