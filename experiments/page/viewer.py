"""A viewer of shapes for web pages: plain WebGL, everything in the page itself."""

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
    """A piece of HTML that shows one of several shapes, to be turned and zoomed.

    Style, script and shapes are in it, nothing is fetched; a page may hold several.
    Without WebGL the shapes are painted face by face, without a script a line says that
    they cannot be seen. A page with a content security policy has to allow the script
    by `script_hash`.

    Args:
      meshes: name: shape in [-1, 1]^3, in the order in which they are offered; larger
        ones are shrunk. Vertices are rounded to 1 / 32768 of the half side.
      faces: shapes with more are simplified to that many (Garland and Heckbert 1997),
        about 12 bytes each; those that are no manifold stay as they are.

    Returns:
      A `<figure>`.

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
    """What allows the script in a content security policy: `'sha256-...'`."""
    script = _TEMPLATE.read_text("utf-8").split("<script>")[1].split("</script>")[0]
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _simplified(mesh: Mesh, most: int) -> Mesh:
    if len(mesh.faces) <= most:
        return mesh
    vertices = np.asfortranarray(mesh.vertices, dtype=np.float64)
    faces = np.asfortranarray(mesh.faces, dtype=np.int32)
    vertices, faces, _, _ = igl.qslim(vertices, faces, most)
    # The library gives nothing back for what is no manifold.
    return Mesh(vertices, faces) if len(faces) else mesh


def _packed(mesh: Mesh) -> dict[str, str | bool]:
    """Vertices as 16 bits of [-1, 1], faces as 16 bits where that is enough."""
    extent = max(1.0, np.abs(mesh.vertices).max(initial=0.0))
    steps = np.round((mesh.vertices / extent + 1) * 32767.5).astype("<u2")
    wide = len(mesh.vertices) > 1 << 16
    indices = mesh.faces.astype("<u4" if wide else "<u2")
    encoded = (base64.b64encode(a.tobytes()).decode() for a in (steps, indices))
    return dict(zip(("vertices", "faces"), encoded, strict=True)) | {"wide": wide}
