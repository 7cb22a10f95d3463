"""A run of the Embedding Projector as one HTML file that opens on the first map, with no click and no server.

Scope: the page around the projector's own script, which comes from the installed TensorBoard, and the few
lines that load the first bookmark. These lean on names inside TensorBoard 2.21 (`vz-projector.ts`,
`vz-projector-bookmark-panel.ts`, `vz-projector-projections-panel.ts`), so a test opens the page in a browser. Not
here: the files of the run, which are `projector`'s.
"""

import base64
import gzip
import importlib.resources
import json
from pathlib import Path
from string import Template

from text_classification_viz.core.errors import InputError
from text_classification_viz.views.projector.run import BINARY, CONFIG_FILE, VECTORS

SCRIPT = "tf_projector_plugin/projector_binary.js"  # in the package of the projector's plugin

# All that a run holds of other people's texts is in Base64, which no browser takes for markup, and the policy lets
# the page ask nobody for anything. The projector's script makes functions of strings, hence 'unsafe-eval'.
_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; connect-src blob:; img-src blob: data:;
 script-src 'unsafe-inline' 'unsafe-eval' blob:; style-src 'unsafe-inline'">
<title>Embedding Projector</title>
<style>
html, body { height: 100%; margin: 0; font-family: Roboto, Helvetica, Arial, sans-serif; }
vz-projector { display: block; height: 100%; }
#notice { padding: 1em; }
</style>
</head>
<body>
<p id="notice">Unpacking the map …</p>
$files
<script>
const unpacked = async (name) => {
  const element = document.getElementById(name);
  const bytes = Uint8Array.from(atob(element.textContent), (character) => character.charCodeAt(0));
  element.remove();  // for the memory's sake
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return URL.createObjectURL(await new Response(stream).blob());
};

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const open = async () => {
  const embedding = {
    tensorName: $name,
    tensorShape: $shape,
    tensorPath: await unpacked('vectors') + '#$ending',  // by its end the projector tells numbers from text
    metadataPath: await unpacked('metadata'),
    bookmarksPath: await unpacked('bookmarks'),
  };
  const config = new Blob([JSON.stringify({embeddings: [embedding]})]);
  const projector = document.createElement('vz-projector');
  projector.setAttribute('serving-mode', 'demo');  // reads its files from the addresses in a config
  projector.setAttribute('projector-config-json-path', URL.createObjectURL(config));
  const script = document.createElement('script');
  script.src = await unpacked('script');
  document.body.append(projector, script);
  await new Promise((resolve, reject) => Object.assign(script, {onload: resolve, onerror: reject}));
  document.getElementById('notice').remove();
  projector.dataPanel.shadowRoot.getElementById('publish-container').remove();  // there is nothing to publish

  // The first view would be principal components, which take longer than all the rest; loading a map ends this.
  projector.projectionsPanel.disablePolymerChangesTriggerReprojection();
  while (!projector.dataSet || !projector.bookmarkPanel.hasStates) await pause(20);
  projector.bookmarkPanel.loadSavedState(0);
  projector.bookmarkPanel.setSelectionState(0, true);
};

open().catch((error) => { document.body.textContent = 'The map cannot be shown: ' + error; });
</script>
</body>
</html>
""")


def projector_page(run: Path) -> bytes:
    """Pack a run that `projector.write_run` wrote, with at least one layout, into one HTML file.

    It holds all vectors, so that nearest neighbors are as exact as in TensorBoard on them: the browser is kept
    from computing principal components, and needs no smaller tensor to open fast.

    Raises
    ------
    InputError
        The run has no bookmark to open on, or the installed TensorBoard lacks the projector's script.
    """
    from google.protobuf import text_format  # type: ignore[import-untyped]
    from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

    config = text_format.Parse((run / CONFIG_FILE).read_text(encoding="utf-8"), ProjectorConfig())
    (embedding,) = [embedding for embedding in config.embeddings if embedding.tensor_name == VECTORS]
    if not embedding.bookmarks_path:
        raise InputError(f"{run}: expected a map to open on, found no bookmarks; write the run with a layout")
    files = {
        "script": _projector_script(),
        "vectors": (run / embedding.tensor_path).read_bytes(),
        "metadata": (run / embedding.metadata_path).read_bytes(),
        "bookmarks": (run / embedding.bookmarks_path).read_bytes(),
    }
    page = _PAGE.substitute(
        files="\n".join(_packed(name, content) for name, content in files.items()),
        name=json.dumps(embedding.tensor_name),
        shape=json.dumps(list(embedding.tensor_shape)),
        ending=BINARY if embedding.tensor_path.endswith(BINARY) else "",
    )
    return page.encode()


def _projector_script() -> bytes:
    script = importlib.resources.files("tensorboard.plugins.projector") / SCRIPT
    if not script.is_file():
        raise InputError(
            f"{script}: expected the script of the Embedding Projector, found no file; install tensorboard's wheel"
        )
    return script.read_bytes()


def _packed(name: str, content: bytes) -> str:
    packed = base64.b64encode(gzip.compress(content, mtime=0)).decode()
    return f'<script type="text/plain" id="{name}">{packed}</script>'
