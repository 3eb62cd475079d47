// The fields of the administrator's forms.
import type { ComponentChildren, JSX } from "preact";
import { useId } from "preact/hooks";

interface FieldProps {
  readonly label: string;
  readonly hint?: string;
  readonly class?: string;
  readonly children: (attributes: { readonly id: string; readonly "aria-describedby": string | undefined }) => JSX.Element;
}

/** A label, what it labels, and a word of help. */
export function Field({ label, hint, children, ...rest }: FieldProps): JSX.Element {
  const id = useId();
  return (
    <div class={`admin-field ${rest.class ?? ""}`}>
      <label for={id}>{label}</label>
      {children({ id, "aria-describedby": hint === undefined ? undefined : `${id}-hint` })}
      {hint !== undefined && <small id={`${id}-hint`}>{hint}</small>}
    </div>
  );
}

const KINDS = {
  text: { type: "text" },
  number: { type: "number" },
  url: { type: "url" },
  time: { type: "time" },
  password: { type: "password" },
} as const;

interface TextFieldProps {
  readonly label: string;
  readonly name: string;
  readonly value?: string;
  readonly hint?: string;
  readonly class?: string;
  readonly type?: keyof typeof KINDS;
  readonly required?: boolean;
  readonly readOnly?: boolean;
  readonly min?: number;
  readonly max?: number;
  readonly maxLength?: number;
  readonly focused?: boolean;
}

export function TextField({ label, hint, value = "", focused = false, type = "text", maxLength = 1024, class: kind = "", ...input }: TextFieldProps): JSX.Element {
  return (
    <Field label={label} class={kind} {...(hint !== undefined && { hint })}>
      {(attributes) => (
        <input
          {...attributes}
          {...input}
          {...KINDS[type]}
          class="field"
          defaultValue={value}
          maxLength={maxLength}
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
          autofocus={focused}
        />
      )}
    </Field>
  );
}

interface TickProps {
  readonly label: string;
  readonly name: string;
  readonly value?: string;
  readonly ticked: boolean;
  readonly hint?: string;
}

export function Tick({ label, name, value = "yes", ticked, hint }: TickProps): JSX.Element {
  return (
    <label class="tick">
      <input type="checkbox" name={name} value={value} defaultChecked={ticked} />
      <span>
        {label}
        {hint !== undefined && <small>{hint}</small>}
      </span>
    </label>
  );
}

interface TicksProps {
  readonly legend: string;
  /** Their labels are of a few letters. */
  readonly short?: boolean;
  readonly children: ComponentChildren;
}

export function Ticks({ legend, short = false, children }: TicksProps): JSX.Element {
  return (
    <fieldset class={short ? "ticks short" : "ticks"}>
      <legend>{legend}</legend>
      <div>{children}</div>
    </fieldset>
  );
}
