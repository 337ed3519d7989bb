#!/usr/bin/env python3
"""What a browser makes of report.html: report_page.py TOOL WORK. Exit code 77: left out, for want of Chromium."""
import html.parser
import json
import pathlib
import re
import shutil
import subprocess
import sys
import zlib

failures = 0


def check(holds, *what):
    global failures
    if not holds:
        failures += 1
        print("FAILED:", *what)


class Page(html.parser.HTMLParser):
    """Elements with their attributes, and the texts of cells by their data-key."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.values, self.key, self.text = [], {}, None, ""
        self.skipped = 0
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self.key = dict(attributes).get("data-key")
        self.skipped = tag in ("script", "style")

    def handle_endtag(self, tag):
        self.key, self.skipped = None, 0

    def handle_data(self, data):
        if self.key:
            self.values.setdefault(self.key, []).append(data)
        if not self.skipped:
            self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def chromium(page, *flags):
    """What Chromium prints of a page, once it has been alive for some seconds."""
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr",
               "--allow-file-access-from-files", "--virtual-time-budget=4000", f"--user-data-dir={work / 'profile'}",
               *flags, page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    check(done.returncode == 0, page, "exit code", done.returncode, done.stderr[-500:])
    for line in done.stderr.splitlines():
        check("CONSOLE" not in line, page, line)
    return done.stdout


def pixels(path):
    """Rows of the bytes of a PNG of 8 bits a channel."""
    data = path.read_bytes()
    width, height, depth, color = (*(int.from_bytes(data[i:i + 4], "big") for i in (16, 20)), data[24], data[25])
    assert depth == 8
    size = {2: 3, 6: 4}[color]
    chunks, at = b"", 8
    while at < len(data):
        length = int.from_bytes(data[at:at + 4], "big")
        if data[at + 4:at + 8] == b"IDAT":
            chunks += data[at + 8:at + 8 + length]
        at += 12 + length
    raw, rows, above = zlib.decompress(chunks), [], bytes(width * size)
    for y in range(height):
        begin = y * (width * size + 1)
        kind, row = raw[begin], bytearray(raw[begin + 1:begin + 1 + width * size])
        for i in range(len(row)):
            left, up, corner = (row[i - size] if i >= size else 0), above[i], (above[i - size] if i >= size else 0)
            if kind == 1:
                row[i] = (row[i] + left) & 255
            elif kind == 2:
                row[i] = (row[i] + up) & 255
            elif kind == 3:
                row[i] = (row[i] + (left + up) // 2) & 255
            elif kind == 4:
                nearest = min((left, up, corner), key=lambda value: abs(left + up - corner - value))
                row[i] = (row[i] + nearest) & 255
        rows.append(bytes(row))
        above = rows[-1]
    return rows, size


def colors(page, name, *flags):
    """The colors of a screenshot, and that of its first corner."""
    picture = work / name
    chromium(page, f"--screenshot={picture}", *flags)
    rows, size = pixels(picture)
    seen = {row[i:i + size] for row in rows for i in range(0, len(row), size)}
    return seen, rows[0][:size]


def in_frame(page, width, script):
    """What a script says of the page in a window that is so wide: it has `view`, the window, and returns a text."""
    frame = work / "frame.html"
    frame.write_text(f"""<!DOCTYPE html><iframe src="{page.as_uri()}" style="width: {width}px; height: 800px"></iframe>
<p id="said"></p><script>
const frame = document.querySelector('iframe');
frame.onload = () => setTimeout(() => {{
  const view = frame.contentWindow;
  document.getElementById('said').textContent = (() => {{ {script} }})();
}}, 500);
</script>""")
    return re.search(r'<p id="said">(.*?)</p>', chromium(frame, "--dump-dom"), re.S).group(1)


def check_run(folder):
    page = Page(chromium(folder / "report.html", "--dump-dom"))
    for name in ("config", "summary"):
        for key, value in flat(json.loads((folder / f"{name}.json").read_text())):
            shown = page.values.get(key, [])
            check(any(same(text, value) for text in shown), folder, name, key, "is", value, "and shown as", shown)
    for image in page.all("img"):
        check(image.get("alt"), folder, "an image without an alternative text")
    charts = [attributes for tag, attributes in page.elements if attributes.get("role") == "img"]
    check(len(charts) >= 1 and len(page.all("canvas")) == len(charts), folder, "charts", len(charts))
    for chart in charts:
        check(re.search(r"Chart of .* over .*\d", chart.get("aria-label", "")), folder, "a chart without a description")
    check("undefined" not in page.text and "NaN" not in page.text and "[object" not in page.text, folder, "odd words")
    return page


def flat(value, key=""):
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from flat(inner, f"{key}.{name}" if key else name)
    else:
        yield key, value


def same(text, value):
    if isinstance(value, bool) or isinstance(value, list):
        return text.replace(" ", "") == json.dumps(value, ensure_ascii=False).replace(" ", "") or json.loads(text) == value
    if isinstance(value, (int, float)):
        return text != "-" and float(text) == value
    return text == (value or "-")


def main():
    runs = {
        "distill": "distill --dataset glyphs --net linear --iterations 40 --batch 64 --evaluate-every 10 --steps 2 "
                   "--soft-labels --certify 20 --init random --networks 2 --test-networks 3 --hold-out 200",
        "evaluate": f"evaluate --dataset glyphs --net linear --init random --test-networks 2 "
                    f"--distilled {work}/distill/distilled.npz",
        "baseline": "baseline --dataset glyphs --net linear --init random --method k-means --sets 1 --test-networks 2 "
                    "--selection-networks 1 --learning-rates 0.1 --epochs-grid 1",
        "pretrain": "pretrain --dataset glyphs --net linear --networks 2 --epochs 1",
        "linear": "linear --dimension 3 --iterations 20"}
    for name, command in runs.items():
        subprocess.run([tool, *command.split(), "--out", str(work / name)], check=True, stdout=subprocess.DEVNULL)
    for name in runs:
        check_run(work / name)

    distilled = work / "distill" / "report.html"
    light, paper = colors(distilled, "light.png", "--window-size=700,900")
    check(len(light) > 50, "a light page of", len(light), "colors")
    dark, night = colors(distilled, "dark.png", "--window-size=700,900", "--blink-settings=preferredColorScheme=0")
    check(len(dark) > 50, "a dark page of", len(dark), "colors")
    check(sum(paper[:3]) > 700 and sum(night[:3]) < 150, "papers", paper, night)

    both = work / "both.html"
    subprocess.run([tool, "report", str(work / "distill"), str(work / "baseline"), "--out", str(both)], check=True,
                   stdout=subprocess.DEVNULL)
    page = Page(chromium(both, "--dump-dom"))
    for name in ("distill", "baseline"):
        accuracy = json.loads((work / name / "summary.json").read_text())["test_accuracy"]
        check(f"{accuracy:.2f} %" in page.text, both, "shows no accuracy", accuracy)

    for name in (distilled, both, work / "linear" / "report.html"):
        wide = in_frame(name, 390, "return view.document.documentElement.scrollWidth")
        check(wide and int(wide) <= 390, name, "on a phone is", wide, "wide")
    text = in_frame(distilled, 390, """
      view.document.querySelector('.gallery button').click();
      const dialog = view.document.querySelector('dialog'), image = dialog.querySelector('img');
      const first = image.alt, next = [...dialog.querySelectorAll('nav button')].at(-1);
      next.click();
      return [dialog.open, first, dialog.querySelector('img').alt, dialog.querySelectorAll('.bar').length].join('|');""")
    shown = text.split("|")
    check(shown[0] == "true" and "image 1 of" in shown[1] and "image 2 of" in shown[2] and int(shown[3]) == 10,
          "an image enlarged:", text)

    (work / "distill" / "summary.json").unlink()  # as it is while it runs
    subprocess.run([tool, "report", str(work / "distill")], check=True, stdout=subprocess.DEVNULL)
    check("Not finished" in Page(chromium(distilled, "--dump-dom")).text, "a run that is not finished")
    print("report_page:", "FAILED" if failures else "passed")
    return 1 if failures else 0


browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
if browser is None:
    print("left out: there is no Chromium")
    sys.exit(77)
tool, work = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
shutil.rmtree(work, ignore_errors=True)
work.mkdir(parents=True)
sys.exit(main())
