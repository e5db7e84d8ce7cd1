import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { workflow as workflowQuery } from "@/api/queries";
import { Page } from "@/components/page";
import { Problem } from "@/components/problem";
import { BuilderView } from "./builder-view";
import { withPlainBreaks } from "./use-builder";

const FIRST_TEXT = "name: new-workflow\nnodes: {}\n";

/** The builder, of a workflow that is stored or of a new one. */
export default function BuilderPage() {
  const { workflow: name } = useParams({ strict: false });
  const found = useQuery({ ...workflowQuery(name ?? ""), enabled: name !== undefined });
  if (name === undefined) return <BuilderView key="" stored={null} source={FIRST_TEXT} />;
  if (found.data !== undefined) {
    return (
      <BuilderView key={name} stored={found.data} source={withPlainBreaks(found.data.source)} />
    );
  }
  return <Page title={name}>{found.error !== null && <Problem error={found.error} />}</Page>;
}
