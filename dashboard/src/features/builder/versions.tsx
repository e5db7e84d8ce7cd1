import { Button, Drawer, NativeSelect } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { workflow as workflowQuery } from "@/api/queries";
import { Diff } from "@/components/diff";
import { Problem } from "@/components/problem";
import { Ago } from "@/components/time";
import { unifiedDiff } from "@/lib/line-diff";
import { versions as versionsQuery } from "./queries";

const HERE = "here";

/** What was stored before, compared with each other and with the text in the editor. */
export function VersionsDrawer({
  name,
  text,
  onTake,
  onClose,
}: {
  name: string;
  text: string;
  onTake: (text: string) => void;
  onClose: () => void;
}) {
  const found = useInfiniteQuery(versionsQuery(name));
  const known = found.data?.pages.flatMap(({ items }) => items) ?? [];
  const [from, setFrom] = useState<string | null>(null);
  const [to, setTo] = useState(HERE);
  const older = from ?? String(known[0]?.version ?? "");
  const before = useSource(name, older, text);
  const after = useSource(name, to, text);
  const choices = known.map(({ version }) => ({
    value: String(version),
    label: `version ${version}`,
  }));
  const diff =
    before.text === undefined || after.text === undefined
      ? null
      : unifiedDiff(before.text, after.text, `${name}.yaml`);
  const error = found.error ?? before.error ?? after.error;
  return (
    <Drawer opened onClose={onClose} size="min(46rem, 100vw)" title={`Versions of ${name}`}>
      <div className="stack">
        {error !== null && <Problem error={error} />}
        <div className="line">
          <NativeSelect
            size="xs"
            label="From"
            value={older}
            onChange={(event) => setFrom(event.currentTarget.value)}
            data={choices}
          />
          <NativeSelect
            size="xs"
            label="To"
            value={to}
            onChange={(event) => setTo(event.currentTarget.value)}
            data={[{ value: HERE, label: "the text here" }, ...choices]}
          />
        </div>
        {diff !== null &&
          (diff === "" ? <p className="muted">They are the same.</p> : <Diff text={diff} />)}
        <ul className="rows versions">
          {known.map((version) => (
            <li key={version.id} className="row">
              <div className="grow">
                <strong>version {version.version}</strong>
                <div className="small muted">
                  <Ago at={version.created_at} /> by {version.created_by_name}
                  {version.retired_at !== null && ", retired"}
                </div>
              </div>
              <Button
                size="xs"
                variant="default"
                onClick={() => {
                  setFrom(String(version.version));
                  setTo(HERE);
                }}
              >
                Compare
              </Button>
              <TakeButton name={name} version={version.version} onTake={onTake} />
            </li>
          ))}
        </ul>
        {found.hasNextPage && (
          <Button variant="default" size="xs" onClick={() => void found.fetchNextPage()}>
            Older ones
          </Button>
        )}
      </div>
    </Drawer>
  );
}

function TakeButton({
  name,
  version,
  onTake,
}: {
  name: string;
  version: number;
  onTake: (text: string) => void;
}) {
  const source = useQuery({ ...workflowQuery(`${name}@${version}`), enabled: false });
  return (
    <Button
      size="xs"
      variant="default"
      loading={source.isFetching}
      onClick={() => void source.refetch().then(({ data }) => data && onTake(data.source))}
    >
      Take its text
    </Button>
  );
}

function useSource(
  name: string,
  version: string,
  text: string,
): { text: string | undefined; error: Error | null } {
  const isStored = version !== HERE && version !== "";
  const stored = useQuery({ ...workflowQuery(`${name}@${version}`), enabled: isStored });
  return version === HERE
    ? { text, error: null }
    : { text: stored.data?.source, error: stored.error };
}
