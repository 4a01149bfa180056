// The drawing field, run when its place is on the page; `element`, `props`, `trigger` and `watch` are Gradio's.
// OpenChemLib is fetched once the field is first seen, packed: it is three times as large unpacked.
const box = element.querySelector(".editor");
let chemistry, editor, shown;

async function load() {
  const packed = await fetch(new URL(props.library, document.baseURI));
  if (!packed.ok) throw new Error(`the editor was not found (${packed.status})`);
  const source = await new Response(packed.body.pipeThrough(new DecompressionStream("gzip"))).text();
  const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  chemistry = await import(address);
  editor = new chemistry.CanvasEditor(box, { initialMode: "molecule" });
  show(props.value);
  editor.setOnChangeListener(({ type, isUserEvent }) => {
    if (type !== "molecule" || !isUserEvent) return;
    shown = editor.getMolecule().toIsomericSmiles();
    props.value = shown;
    trigger("change");
  });
}

function show(smiles) {
  if (!editor || smiles === shown) return;
  shown = smiles;
  try {
    editor.setMolecule(chemistry.Molecule.fromSmiles(smiles || ""));
  } catch {
    // Half a SMILES is no molecule yet: the last one stays.
  }
}

watch("value", () => show(props.value));
new IntersectionObserver((entries, observer) => {
  if (!entries.some((entry) => entry.isIntersecting)) return;
  observer.disconnect();
  load().catch((error) => {
    box.textContent = `Drawing needs a newer browser (${error.message}). Paste a SMILES above instead.`;
  });
}).observe(box);
