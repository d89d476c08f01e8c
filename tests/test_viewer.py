"""The viewer of shapes, opened in a real browser."""

import json

import browser
import numpy as np
import pytest
import trimesh

from experiments.page import viewer
from wsjax.meshes import picture
from wsjax.meshes.mesh import Mesh

# Loaded under a policy that forbids everything but the viewer's own script, this one
# acts on the page and leaves what it saw as text.
_ACT = """
const canvas = document.querySelector("canvas");
const select = document.querySelector("select");
const status = document.querySelector(".status");
const key = (name) => canvas.dispatchEvent(
  new KeyboardEvent("keydown", {key: name, bubbles: true, cancelable: true}));
const point = (kind, id, x, y) => canvas.dispatchEvent(
  new PointerEvent(kind, {pointerId: id, clientX: x, clientY: y, bubbles: true}));
const wheel = (by) => canvas.dispatchEvent(
  new WheelEvent("wheel", {deltaY: by, bubbles: true, cancelable: true}));
const choose = (k) => {
  select.selectedIndex = k;
  select.dispatchEvent(new Event("change"));
};
// How many pixels are not white, where, and a picture to compare with.
const look = () => {
  const copy = document.createElement("canvas");
  [copy.width, copy.height] = [canvas.width, canvas.height];
  const pen = copy.getContext("2d");
  pen.drawImage(canvas, 0, 0);
  const pixels = pen.getImageData(0, 0, copy.width, copy.height).data;
  let [covered, right, down] = [0, 0, 0];
  for (let i = 0; i < pixels.length; i += 4) {
    if (pixels[i] + pixels[i + 1] + pixels[i + 2] > 750) continue;
    covered += 1;
    right += (i / 4) % copy.width;
    down += Math.floor(i / 4 / copy.width);
  }
  const small = document.createElement("canvas").getContext("2d");
  small.drawImage(copy, 0, 0, 40, 40);
  return {covered: covered / (copy.width * copy.height), picture: copy.toDataURL(),
          middle: [right / covered, down / covered].map(x => (x + 0.5) / copy.width),
          small: [...small.getImageData(0, 0, 40, 40).data],
          label: canvas.getAttribute("aria-label"), status: status.textContent,
          ...canvas.dataset};
};
const seen = {};
const note = (name, act) => { act?.(); seen[name] = look(); };
const done = () => {
  const result = document.createElement("pre");
  result.textContent = JSON.stringify(
    {seen, fetched: performance.getEntriesByType("resource").map(e => e.name)});
  document.body.append("RESULT", result, "END");
};
"""
_NO_WEBGL = """
const original = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
  return %s.includes(kind) ? null : original.call(this, kind, ...rest);
};
"""


def plain(solid):
    return Mesh(np.asarray(solid.vertices, float), np.asarray(solid.faces, np.int64))


BALL = plain(trimesh.creation.icosphere(subdivisions=3, radius=0.8))
BLOCK = plain(trimesh.creation.box((0.4, 1.6, 0.2)))
CENTRE = np.array([0.5, 0.4, -0.3])
SPOT = Mesh(BALL.vertices / 8 + CENTRE, BALL.faces)
NOTHING = Mesh(np.zeros((0, 3)), np.zeros((0, 3), np.int64))


def page(fragment, acts="", before=""):
    allowed = f"script-src 'nonce-test' {viewer.script_hash()}"
    policy = f"default-src 'none'; style-src 'unsafe-inline'; {allowed}"
    return f"""<!doctype html><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<style>body {{ margin: 1rem; }}</style>
<script nonce="test">{before}</script>
{fragment}
<script nonce="test">{_ACT}{acts}; done();</script>"""


def both_blocks(side):
    """A large block that hides a small one from one side."""
    front = trimesh.creation.box((1.2, 1.2, 0.1)).apply_translation([0, 0, 0.5])
    behind = trimesh.creation.box((0.5, 0.5, 0.1)).apply_translation([0, 0, -0.5])
    both = plain(trimesh.util.concatenate([front, behind]))
    return plain(front), Mesh(both.vertices * [side, 1, side], both.faces)


@pytest.fixture(scope="module", params=[[], ["webgl"]], ids=["webgl", "painter"])
def acted(request, tmp_path_factory):
    """What the browser saw at each note, and where the page had it all from."""
    acts = """
      note("start");
      note("right", () => key("ArrowRight"));
      note("back", () => key("ArrowLeft"));
      note("up", () => key("ArrowUp"));
      note("home", () => key("Home"));
      note("drag", () => { point("pointerdown", 1, 100, 100);
        point("pointermove", 1, 160, 120); point("pointerup", 1, 160, 120); });
      note("released", () => point("pointermove", 1, 200, 200));
      note("again", () => key("Home"));
      note("larger", () => key("+"));
      note("smaller", () => { key("-"); key("-"); });
      note("unfocused", () => { key("Home"); wheel(-300); });
      note("wheel", () => { canvas.focus(); wheel(-300); });
      note("pinch", () => { key("Home"); point("pointerdown", 1, 100, 100);
        point("pointerdown", 2, 150, 100); point("pointermove", 2, 175, 100);
        point("pointerup", 1, 0, 0); point("pointerup", 2, 0, 0); });
      note("ball", () => { key("Home"); choose(1); });
      note("turned ball", () => key("ArrowRight"));
      note("nothing", () => choose(2));
      key("Home");
      for (const k of "UURRR") key({U: "ArrowUp", R: "ArrowRight"}[k]);
      note("front alone", () => choose(3));
      note("hidden", () => choose(4));
      note("not hidden", () => choose(5));
      note("spot", () => { key("Home"); choose(6); });
      note("turned spot", () => { key("ArrowRight"); key("ArrowUp"); });"""
    front, hidden = both_blocks(1)
    meshes = {"block": BLOCK, "ball": BALL, "nothing": NOTHING, "front": front}
    meshes |= {"hidden": hidden, "not hidden": both_blocks(-1)[1], "spot": SPOT}
    before = _NO_WEBGL % json.dumps(request.param)
    content = page(viewer.fragment(meshes), acts, before)
    found = browser.look(content, tmp_path_factory.mktemp("acted"), width=360)
    result = json.loads(found["text"].partition("RESULT")[2].rpartition("END")[0])
    assert result["fetched"] == []
    expected = "2d" if request.param else "webgl"
    assert {view["painter"] for view in result["seen"].values()} == {expected}
    return result["seen"]


def test_a_shape_is_turned_and_exchanged(acted):
    pictures = {name: view["picture"] for name, view in acted.items()}
    for same in ("back", "home", "again", "unfocused"):
        assert pictures[same] == pictures["start"], same
    assert pictures["released"] == pictures["drag"]
    for other in ("right", "up", "drag", "ball"):
        assert pictures[other] != pictures["start"], other


def test_a_shape_is_zoomed(acted):
    cover = {name: view["covered"] for name, view in acted.items()}
    assert cover["smaller"] < cover["start"] < cover["larger"] < cover["pinch"]
    assert cover["wheel"] > cover["start"]
    assert cover["pinch"] == pytest.approx(1.5**2 * cover["start"], rel=0.03)


def test_a_ball_covers_its_disc(acted):
    # In perspective, seen from 1 / 0.15, the outline is a little wider.
    radius = 0.8 / 1.3 / np.sqrt(1 - (0.15 * 0.8) ** 2)
    assert acted["ball"]["covered"] == pytest.approx(np.pi * radius**2 / 4, rel=0.03)
    assert acted["turned ball"]["covered"] == pytest.approx(
        acted["ball"]["covered"], rel=0.01
    )
    assert acted["nothing"]["covered"] == 0


def test_the_page_says_what_is_shown(acted):
    assert acted["start"]["triangles"] == str(len(BLOCK.faces))
    assert acted["ball"]["triangles"] == str(len(BALL.faces))
    assert acted["ball"]["label"].startswith("ball")
    assert f"ball: {len(BALL.faces):,} triangles" in acted["ball"]["status"]
    assert "nothing: no surface" in acted["nothing"]["status"]


def test_the_nearer_face_hides_the_farther_one(acted):
    names = ("front alone", "hidden", "not hidden")
    alone, hidden, shown = (np.array(acted[name]["small"]) for name in names)
    # What is behind shines through the seams of painted faces, faintly.
    np.testing.assert_allclose(hidden, alone, atol=8)
    assert np.abs(shown - alone).max() > 30


@pytest.mark.parametrize(
    ("name", "azimuth", "elevation"), [("spot", 35, 20), ("turned spot", 25, 10)]
)
def test_the_camera_is_that_of_the_pictures(acted, name, azimuth, elevation):
    black = {"colour": (0, 0, 0), "azimuth": azimuth, "elevation": elevation}
    cover = 1 - picture.picture(SPOT, **black)[..., 0]
    place = (np.arange(len(cover)) + 0.5) / len(cover) - 0.5
    flat = np.array([cover.sum(0) @ place, cover.sum(1) @ place]) / cover.sum()
    a, e = np.radians([azimuth, elevation])
    nearer = [np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)] @ CENTRE
    expected = flat / (1 - 0.15 * nearer) + 0.5
    np.testing.assert_allclose(acted[name]["middle"], expected, atol=0.002)


def test_light_comes_from_above_and_the_left(acted):
    seen = np.reshape(acted["ball"]["small"], (40, 40, 4))[..., :3].mean(axis=-1)
    row, column = np.mgrid[:40, :40] - 19.5
    disc = np.hypot(row, column) < 10
    assert seen[disc & (row < 0)].mean() > seen[disc & (row > 0)].mean() + 10
    assert seen[disc & (column < 0)].mean() > seen[disc & (column > 0)].mean() + 2


def test_names_are_text_and_a_narrow_page_has_no_overflow(tmp_path):
    long = "a_very_long_name_of_a_shape_" * 6
    name = f"</script><script>hacked=1</script><img src=x onerror=hacked=1>\"&'{long}"
    fragments = viewer.fragment({name: BALL, "b": BLOCK}) + viewer.fragment({"c": BALL})
    found = browser.look(fragments, tmp_path, width=360)
    assert found["overflow"] == 0 and not found["hacked"]
    # Two viewers share a page.
    for shown in (name, "c"):
        assert f"{shown}: {len(BALL.faces):,} triangles" in found["text"]


def test_what_cannot_be_drawn_is_said(tmp_path):
    fragment = viewer.fragment({"ball": BALL})
    nothing = _NO_WEBGL % ["webgl", "2d"]
    found = browser.look(page(fragment, before=nothing), tmp_path, width=360)
    assert "neither WebGL nor a canvas" in found["text"]
    assert found["overflow"] == 0
    blocked = page(fragment).replace("sha256-", "sha256-no")
    assert "did not run" in browser.look(blocked, tmp_path, width=361)["text"]
