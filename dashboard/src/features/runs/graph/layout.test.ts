import assert from "node:assert/strict";
import { test } from "node:test";
import { edge, layout, MANY, NODE, type Placed, type Point } from "./layout";
import { waypoints } from "./route";

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
      const byId = layout(nodes, direction).places;
      const places = [...byId.values()];
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

test("no line runs behind a node, however many layers it passes", () => {
  // Each needs every second one before it: most lines pass layers.
  const nodes = Array.from({ length: 9 }, (_, index) => ({
    id: `n${index}`,
    needs: Array.from({ length: index }, (_, before) => before)
      .filter((before) => (index - before) % 2 === 1)
      .map((before) => `n${before}`),
  }));
  for (const vertical of [false, true]) {
    const { places, routes, width, height } = layout(nodes, vertical ? "TB" : "LR");
    let passed = 0;
    for (const { id, needs } of nodes) {
      for (const need of needs) {
        const via = routes.get(edge(need, id)) ?? [];
        const all = waypoints(places.get(need) as Placed, places.get(id) as Placed, via, vertical);
        for (let at = 1; at + 1 < all.length - 1; at += 2, passed++) {
          const [one, other] = all.slice(at, at + 2) as [Point, Point];
          assert.ok(one.x >= 0 && other.x <= width && one.y >= 0 && other.y <= height);
          for (const { x, y } of places.values()) {
            const isBeside = one.x >= x + NODE.width || other.x <= x;
            assert.ok(isBeside || one.y >= y + NODE.height || other.y <= y, `${need} to ${id}`);
          }
        }
      }
    }
    assert.ok(passed >= 8);
  }
});

test("long chains, circles and needs of steps that are not there have places", () => {
  const chain = Array.from({ length: 20_000 }, (_, index) => ({
    id: `n${index}`,
    needs: index === 19_999 ? [] : [`n${index + 1}`],
  }));
  assert.equal(new Set([...layout(chain, "LR").places.values()].map(({ x }) => x)).size, 20_000);
  const circle = wide(MANY + 1, 1);
  circle[0]?.needs.push(`n${MANY}`, "nowhere", "n0");
  for (const { x, y } of layout(circle, "LR").places.values()) assert.ok(Number.isFinite(x + y));
});
