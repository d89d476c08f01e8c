"""Opens a page in a headless browser and says what became of it."""

import html
import json
import pathlib
import shutil
import subprocess

import pytest

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--virtual-time-budget=5000",
    "--dump-dom",
)

# The page stays as it is, in a frame; the probe looks into it from outside.
_PROBE = """<!doctype html><meta charset="utf-8"><iframe id="frame"></iframe>
<script>
const frame = document.getElementById("frame");
frame.style.width = "%(width)dpx";
frame.onload = () => {
  const page = frame.contentDocument;
  for (const part of page.querySelectorAll("details")) part.open = true;
  const images = [...page.images];
  const found = {
    title: page.title,
    alts: images.filter(i => i.complete && i.naturalWidth > 1).map(i => i.alt),
    broken: images.filter(i => !(i.complete && i.naturalWidth > 1)).length,
    overflow: page.documentElement.scrollWidth - page.documentElement.clientWidth,
    text: page.body.innerText,
    hacked: "hacked" in frame.contentWindow,
  };
  const result = document.createElement("output");
  result.textContent = JSON.stringify(found);
  document.body.append(result);
};
frame.srcdoc = %(page)s;
</script>
"""


def look(page: str, folder: pathlib.Path, *, width: int) -> dict:
    """Shows a page in a window of some width; returns what the browser made of it.

    Returns:
      `title`, `text`, `alts` of the images that loaded, number of `broken` ones,
      pixels of horizontal `overflow`, whether a script could set `hacked`.
    """
    names = ("chromium", "chromium-browser", "google-chrome")
    browser = next(filter(None, map(shutil.which, names)), None)
    if browser is None:
        pytest.skip(f"none of {', '.join(names)} is installed: page not opened")
    quoted = json.dumps(page).replace("</", "<\\/").replace("<!--", "<\\!--")
    probe = folder / f"probe_{width}.html"
    probe.write_text(_PROBE % {"width": width, "page": quoted})
    profile = f"--user-data-dir={folder / f'profile_{width}'}"
    command = [browser, *_FLAGS, profile, probe.as_uri()]
    dumped = subprocess.run(command, capture_output=True, text=True, timeout=60)
    _, opened, rest = dumped.stdout.rpartition("<output>")
    assert opened, f"the page did not load: {dumped.stderr[-2000:]}"
    return json.loads(html.unescape(rest.partition("</output>")[0]))
