// Who paints: the graphics card or the processor. Found by trial, and said.

import { GpuPainter, openCard } from "./gpu.js";
import { Painter } from "./painter.js";

async function openGpuPainter(table, isAskedFor) {
  if (!table.network) throw Object.assign(new Error(), { name: "NoForm" });
  const painter = new GpuPainter(await openCard(isAskedFor), table);
  try {
    await painter.load();
    await painter.try();
    return painter;
  } catch (error) {
    painter.close();
    throw error;
  }
}

/**
 * Opens what paints quickest here, or what is `asked` for: { painter, why: [word, values] }. The
 * processor's network is loaded only where the card does not manage the largest size. `painter`:
 * the processor's, not opened yet.
 */
export async function choosePainter(table, asked, painter = new Painter()) {
  const { chosen, why } = await chooseFrom(painter, table, asked);
  if (chosen !== painter) painter.close();
  return { painter: chosen, why };
}

async function chooseFrom(painter, table, asked) {
  let card = null, why = ["why_asked"];
  if (asked !== "wasm") {
    try {
      card = await openGpuPainter(table, asked === "webgpu");
    } catch (error) {
      const known = ["NoWebGpu", "NoAdapter", "NoForm"].includes(error.name);
      why = [known ? `why_${error.name}` : "why_failed", { reason: error.message }];
    }
  }
  const isEnough = asked === "webgpu" || card?.quality.isBest;
  if (card && isEnough) return { chosen: card, why: ["why_card"] };
  await painter.open(table);
  if (!card) return { chosen: painter, why };
  await painter.try(table);
  if (card.trial_ms < painter.trial_ms) return { chosen: card, why: ["why_card"] };
  card.close();
  const [card_ms, wasm_ms] = [card, painter].map(({ trial_ms }) => Math.round(trial_ms));
  return { chosen: painter, why: ["why_slower", { card_ms, wasm_ms }] };
}
