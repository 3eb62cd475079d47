// A structured report to be read: headings, values with their units, tables, and ways to the images it names.
import type { ComponentChildren, JSX } from "preact";
import type { Item, Reference, Report } from "../net/objects";
import { blocksOf, nameOf, type Row, type Table } from "./tables";
import "./doc.css";

export interface ReportActions {
  /** Shows an image that is named; null: nothing of this kind can be shown. */
  readonly showImage: (reference: Reference) => void;
  readonly showMark: (mark: number) => void;
  readonly chosenMark: number | null;
  readonly words: {
    /** Of a button that leads to what was marked, and of one that leads to an image. */
    readonly onImage: string;
    readonly image: (frames: readonly number[]) => string;
  };
}

interface Props<Of> {
  readonly of: Of;
  readonly actions: ReportActions;
}

const IMAGE_KINDS = ["IMAGE", "COMPOSITE"];
const DEEPEST_HEADING = 6;

export function ReportBody({ of: report, actions }: Props<Report>): JSX.Element {
  return (
    <article class="report">
      <h2>{report.title}</h2>
      <dl class="report-facts">
        {report.facts.map(([label, value]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <Items of={report.content} level={3} actions={actions} />
    </article>
  );
}

function Items({ of: items, level, actions }: Props<readonly Item[]> & { readonly level: number }): JSX.Element {
  return (
    <>
      {blocksOf(items).map((block, index) =>
        block.kind === "table" ? <TableOf key={index} of={block.table} level={level} actions={actions} /> : <ItemOf key={index} of={block.item} level={level} actions={actions} />,
      )}
    </>
  );
}

function ItemOf({ of: item, level, actions }: Props<Item> & { readonly level: number }): JSX.Element {
  const below = item.children ?? [];
  if (item.kind === "CONTAINER") {
    return (
      <section class="report-section">
        {nameOf(item) && <Heading level={level}>{nameOf(item)}</Heading>}
        <Items of={below} level={level + 1} actions={actions} />
      </section>
    );
  }
  const seen = below.filter((child) => child !== markOf(item));
  return (
    <div class="report-item">
      {nameOf(item) && <span class="report-name">{nameOf(item)}</span>}
      <Value of={item} actions={actions} />
      {seen.length > 0 && (
        <div class="report-below">
          <Items of={seen} level={level + 1} actions={actions} />
        </div>
      )}
    </div>
  );
}

function Heading({ level, children }: { readonly level: number; readonly children: ComponentChildren }): JSX.Element {
  const Name = `h${Math.min(level, DEEPEST_HEADING)}` as "h3";
  return <Name>{children}</Name>;
}

function TableOf({ of: table, level, actions }: Props<Table> & { readonly level: number }): JSX.Element {
  return (
    <section class="report-section">
      <Heading level={level}>
        {table.title} <span class="report-count">({table.rows.length})</span>
      </Heading>
      <div class="report-scroll" tabIndex={0} role="region" aria-label={table.title}>
        <table>
          <thead>
            <tr>
              {table.columns.map((column) => (
                <th key={column} scope="col">
                  {column}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {table.rows.map((row, index) => (
              <RowOf key={index} of={row} columns={table.columns.length} level={level} actions={actions} />
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function RowOf({ of: row, columns, level, actions }: Props<Row> & { readonly columns: number; readonly level: number }): JSX.Element {
  return (
    <>
      <tr>
        {row.cells.map((cell, index) => (
          <td key={index}>
            {cell?.items.map((item, each) => (
              <div key={each}>
                <Value of={item} actions={actions} />
                {(item.children ?? []).some((child) => child !== markOf(item)) && (
                  <div class="report-below">
                    <Items of={(item.children ?? []).filter((child) => child !== markOf(item))} level={level + 1} actions={actions} />
                  </div>
                )}
              </div>
            ))}
          </td>
        ))}
      </tr>
      {row.rest.length > 0 && (
        <tr class="report-rest">
          <td colSpan={columns}>
            <Items of={row.rest} level={level + 1} actions={actions} />
          </td>
        </tr>
      )}
    </>
  );
}

/** The value of an item, as what it is: a number with its unit, a code with its meaning, a way to an image. */
function Value({ of: item, actions }: Props<Item>): JSX.Element | null {
  const marked = item.mark === undefined ? markOf(item)?.mark : item.mark;
  return (
    <>
      {item.reference && IMAGE_KINDS.includes(item.kind) ? (
        <button type="button" class="report-link" onClick={() => actions.showImage(item.reference!)}>
          {actions.words.image(item.reference.frames)}
        </button>
      ) : (
        item.value !== undefined && (
          <span class={`report-value ${item.kind.toLowerCase()}`} title={item.code ? `${item.code.value}, ${item.code.scheme}` : undefined}>
            {item.value}
            {item.unit && <span class="report-unit"> {item.unit}</span>}
          </span>
        )
      )}
      {marked !== undefined && (
        <button type="button" class="report-link" aria-pressed={actions.chosenMark === marked} data-mark={marked} onClick={() => actions.showMark(marked)}>
          {actions.words.onImage}
        </button>
      )}
    </>
  );
}

/** What a number was measured from, where that is one drawing: it is reached from the number itself. */
function markOf({ kind, children = [] }: Item): Item | undefined {
  const marks = children.filter(({ mark }) => mark !== undefined);
  return kind === "NUM" && marks.length === 1 ? marks[0] : undefined;
}
