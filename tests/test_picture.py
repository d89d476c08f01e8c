"""Pictures of meshes: closed forms of what a camera sees."""

import io

import numpy as np
import pytest
import trimesh
from PIL import Image

from wsjax.meshes import picture
from wsjax.meshes.mesh import Mesh

BLACK = (0.0, 0.0, 0.0)


def plain(solid):
    return Mesh(np.asarray(solid.vertices, float), np.asarray(solid.faces, np.int64))


def ball(radius, centre=(0, 0, 0)):
    solid = trimesh.creation.icosphere(subdivisions=4, radius=radius)
    return plain(solid.apply_translation(centre))


def block(extents, centre=(0, 0, 0)):
    return plain(trimesh.creation.box(extents).apply_translation(centre))


def together(*meshes):
    starts = np.cumsum([0, *(len(m.vertices) for m in meshes[:-1])])
    faces = [m.faces + start for m, start in zip(meshes, starts, strict=True)]
    return Mesh(np.concatenate([m.vertices for m in meshes]), np.concatenate(faces))


def covered(mesh, **how):
    """Share of each pixel that the shape covers."""
    return 1 - picture.picture(mesh, colour=BLACK, **how)[..., 0]


def middle(mesh, **how):
    """Where in the frame the shape is: to the right and up, in units of space."""
    cover = covered(mesh, **how)
    place = (np.arange(len(cover)) + 0.5) * (2 * picture.FRAME / len(cover))
    place -= picture.FRAME
    return [(cover.sum(0) * place).sum(), (cover.sum(1) * -place).sum()] / cover.sum()


@pytest.mark.parametrize("radius", [0.3, 0.9])
def test_a_sphere_covers_its_disc_from_everywhere(radius):
    for azimuth, elevation in [(0, 0), (35, 20), (200, -50)]:
        cover = covered(ball(radius), azimuth=azimuth, elevation=elevation)
        area = cover.mean() * (2 * picture.FRAME) ** 2
        assert area == pytest.approx(np.pi * radius**2, rel=0.01)


@pytest.mark.parametrize(
    ("azimuth", "elevation", "expected"),
    [
        (0, 0, (0.4, 0.3)),
        (90, 0, (0.2, 0.3)),
        (0, 90, (0.4, 0.2)),
        (180, 0, (-0.4, 0.3)),
    ],
)
def test_a_point_lies_where_the_camera_says(azimuth, elevation, expected):
    # At z = -0.2: to the right of a camera on +x, at the top of one on +y.
    spot = ball(0.1, (0.4, 0.3, -0.2))
    found = middle(spot, azimuth=azimuth, elevation=elevation)
    np.testing.assert_allclose(found, expected, atol=0.002)


def test_the_frame_holds_every_turn_of_a_normalised_shape():
    shape = block((1.8, 1.8, 1.8))
    for azimuth in (0, 20, 45):
        cover = covered(shape, azimuth=azimuth, elevation=20)
        edge = np.concatenate([cover[0], cover[-1], cover[:, 0], cover[:, -1]])
        assert edge.max() == 0 < cover.max()


def test_the_nearer_surface_hides_the_farther_one():
    front = block((1, 1, 0.1), (0, 0, 0.5))
    both = together(front, ball(0.3, (0, 0, -0.5)))
    seen = picture.picture(both, azimuth=0, elevation=0)
    alone = picture.picture(front, azimuth=0, elevation=0)
    np.testing.assert_array_equal(seen, alone)
    seen = picture.picture(both, azimuth=180, elevation=0)
    alone = picture.picture(front, azimuth=180, elevation=0)
    assert np.abs(seen - alone).max() > 0.1


def test_a_mirrored_shape_covers_the_mirrored_picture():
    shape = together(block((1, 0.3, 0.2), (0.3, 0.1, 0.2)), ball(0.2, (0.4, 0.5, -0.6)))
    mirrored = Mesh(shape.vertices * [-1, 1, 1], shape.faces[:, ::-1])
    found = covered(mirrored, azimuth=-25)
    # One of four rays may fall to either side of an edge.
    np.testing.assert_allclose(found, covered(shape, azimuth=25)[:, ::-1], atol=0.26)
    assert np.abs(found - covered(shape, azimuth=25)[:, ::-1]).mean() < 1e-4


def test_light_comes_from_above_and_the_left():
    brightness = picture.picture(ball(0.9), azimuth=0, elevation=0).mean(axis=-1)
    brightness[covered(ball(0.9), azimuth=0, elevation=0) < 1] = 0
    row, column = np.unravel_index(brightness.argmax(), brightness.shape)
    assert row < 64 and column < 64


def test_a_thing_casts_a_shadow_and_adds_no_light():
    floor, lamp = block((1.6, 0.1, 1.6), (0, -0.6, 0)), ball(0.2, (0, 0.5, 0))
    alone = picture.picture(floor)
    shaded = picture.picture(together(floor, lamp))
    elsewhere = covered(lamp) == 0
    darker = (alone - shaded)[elsewhere]
    assert darker.min() > -1e-6
    assert darker.max() > 0.1


def test_faces_are_flat_between_creases_and_round_without():
    def shades(mesh):
        seen = picture.picture(mesh, supersample=1)[..., 0]
        return len(np.unique(seen[seen < 1].round(4)))

    assert shades(block((1, 1, 1))) == 3
    coarse = plain(trimesh.creation.icosphere(subdivisions=2, radius=0.9))
    assert shades(coarse) > len(coarse.faces)


def test_a_surface_is_seen_from_both_sides():
    shape = ball(0.7)
    turned = Mesh(shape.vertices, shape.faces[:, ::-1])
    np.testing.assert_allclose(
        picture.picture(turned), picture.picture(shape), atol=1e-5
    )


def test_the_colour_is_that_of_the_surface():
    seen = picture.picture(block((2, 2, 2)), colour=(0.8, 0.4, 0.2), azimuth=0)
    np.testing.assert_allclose(
        seen[64, 64] / seen[64, 64, 0], [1, 0.5, 0.25], rtol=1e-5
    )


@pytest.mark.parametrize(("size", "supersample"), [(16, 1), (50, 3)])
def test_pictures_are_float32_between_0_and_1(size, supersample):
    seen = picture.picture(ball(1.0), size=size, supersample=supersample)
    assert seen.shape == (size, size, 3) and seen.dtype == np.float32
    assert 0 <= seen.min() < seen.max() == 1


@pytest.mark.parametrize(
    "mesh",
    [Mesh(np.zeros((0, 3)), np.zeros((0, 3), np.int64)), ball(0.1, (5, 0, 0))],
    ids=["no faces", "out of the frame"],
)
def test_nothing_to_see_is_white(mesh):
    np.testing.assert_array_equal(picture.picture(mesh, azimuth=0), 1)


def test_a_turntable_starts_at_the_picture_and_moves_the_camera():
    shape = together(block((1, 0.3, 0.2)), ball(0.2, (0.4, 0.5, -0.6)))
    turn = picture.turntable(shape, frames=4, size=32, elevation=10)
    assert turn.shape == (4, 32, 32, 3)
    for k, azimuth in enumerate((35, 125, 215, 305)):
        expected = picture.picture(shape, size=32, azimuth=azimuth, elevation=10)
        np.testing.assert_allclose(turn[k], expected, atol=1e-6)


def test_a_turn_changes_nothing_of_what_is_round():
    # The same corners come round every 15 degrees; the axis is +y.
    upright = trimesh.transformations.rotation_matrix(np.pi / 2, [1, 0, 0])
    pole = trimesh.creation.cylinder(0.5, 1.2, sections=24, transform=upright)
    turn = picture.turntable(plain(pole), frames=24, size=48)
    assert np.abs(turn - turn[:1]).mean(axis=(1, 2, 3)).max() < 1e-3


def test_a_gif_gives_the_frames_back_and_loops_for_ever():
    shape = together(block((1, 0.3, 0.2)), ball(0.2, (0.4, 0.5, -0.6)))
    turn = picture.turntable(shape, frames=5, size=40)
    read = Image.open(io.BytesIO(picture.gif(turn, milliseconds=120)))
    assert (read.n_frames, read.info["loop"], read.info["duration"]) == (5, 0, 120)
    for k, frame in enumerate(turn):
        read.seek(k)
        found = np.asarray(read.convert("RGB")) / 255
        np.testing.assert_allclose(found, frame, atol=0.05)
