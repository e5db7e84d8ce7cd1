import assert from "node:assert/strict";
import { test } from "node:test";
import { layout, MANY, NODE, type Placed } from "./layout";

/** Layers of `width` nodes that each need two of the layer before. */
const wide = (count: number, width: number) =>
  Array.from({ length: count }, (_, index) => {
    const place = index % width;
    const before = index - place - width;
    const needs = before < 0 ? [] : [before + place, before + ((place + 1) % width)];
    return { id: `n${index}`, needs: [...new Set(needs)].map((each) => `n${each}`) };
  });

const overlap = (one: Placed, other: Placed) =>
  Math.abs(one.x - other.x) < NODE.width && Math.abs(one.y - other.y) < NODE.height;

for (const count of [MANY, MANY * 4]) {
  test(`${count} nodes stand after what they need, and none on another`, () => {
    const nodes = wide(count, 10);
    for (const direction of ["LR", "TB"] as const) {
      const places = layout(nodes, direction);
      const byId = new Map(places.map((placed) => [placed.id, placed]));
      const along = ({ x, y }: Placed) => (direction === "LR" ? x : y);
      for (const { id, needs } of nodes) {
        const at = byId.get(id) as Placed;
        for (const need of needs) assert.ok(along(byId.get(need) as Placed) < along(at));
      }
      places.forEach((one, index) => {
        for (const other of places.slice(index + 1)) assert.ok(!overlap(one, other));
      });
    }
  });
}

test("long chains, circles and needs of steps that are not there have places", () => {
  const chain = Array.from({ length: 20_000 }, (_, index) => ({
    id: `n${index}`,
    needs: index === 19_999 ? [] : [`n${index + 1}`],
  }));
  assert.equal(new Set(layout(chain, "LR").map(({ x }) => x)).size, 20_000);
  const circle = wide(MANY + 1, 1);
  circle[0]?.needs.push(`n${MANY}`, "nowhere", "n0");
  for (const { x, y } of layout(circle, "LR")) assert.ok(Number.isFinite(x + y));
});
