import { expect, test } from '@jest/globals';
import { Fleet } from '../../../src/engine/fleet.ts';
import type { Host } from '../../../src/model/inventory.ts';
import type { Connection, Connector } from '../../../src/model/ports.ts';

const HOST = { name: 'cp-1' } as Host;

/** Connections in the order in which they were opened; the first `failures` of them fail. */
function connectorFailing(failures: number) {
  const opened: { isOpen: boolean }[] = [];
  let tries = 0;
  const connect = async (): Promise<Connection> => {
    const number = (tries += 1);
    await Promise.resolve();
    if (number <= failures) throw new Error(`no way ${number}`);
    const connection = { isOpen: true };
    opened.push(connection);
    return connection as Connection;
  };
  return { connector: { connect } as Connector, opened };
}

test('callers that come at once share one connection, before and after it was lost', async () => {
  const { connector, opened } = connectorFailing(0);
  const fleet = new Fleet(connector, [HOST]);
  const both = (): Promise<Connection[]> => Promise.all([fleet.connection('cp-1'), fleet.connection('cp-1')]);
  expect(new Set(await both()).size).toBe(1);
  expect(opened).toHaveLength(1);
  opened[0]!.isOpen = false;
  expect(new Set([...(await both()), await fleet.connection('cp-1')])).toEqual(new Set([opened[1]]));
  expect(opened).toHaveLength(2);
});

test('a connection that failed is tried again by whoever comes next', async () => {
  const { connector, opened } = connectorFailing(1);
  const fleet = new Fleet(connector, [HOST]);
  await expect(fleet.connection('cp-1')).rejects.toThrow('no way 1');
  expect(await fleet.connection('cp-1')).toBe(opened[0]);
  await expect(fleet.connection('cp-2')).rejects.toMatchObject({ code: 'USAGE' });
});
