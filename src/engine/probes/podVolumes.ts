import { eachHost, ofCluster, passed, refused, type Answer, type Answers, type ProbeContext } from './probe.ts';

/** What the kubelet projects into the volumes of every pod, and what it must be. */
export interface Projected {
  script: string;
  /** One value a file, of what the script prints. */
  parse: (stdout: string) => string[];
  wanted: string;
  passed: (files: number) => string;
  refused: (behind: number, files: number) => string;
}

/** Asks the API first, for all hosts; only when it says what pods are to see, whether the running pods of each host do. */
export async function seenByPods(
  context: ProbeContext,
  published: () => Promise<Answer>,
  projected: Projected,
): Promise<Answers> {
  const answers = await ofCluster(context, published);
  if (Object.values(answers).some(({ ok }) => !ok)) return answers;
  return eachHost(context, async (connection) => {
    const { stdout } = await connection.run({ script: projected.script });
    const files = projected.parse(stdout);
    const behind = files.filter((file) => file !== projected.wanted).length;
    return behind === 0 ? passed(projected.passed(files.length)) : refused(projected.refused(behind, files.length));
  });
}
