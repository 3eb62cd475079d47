// Where "hang it like this next time" is asked; its form is fetched when it is first wanted.
import type { ComponentType, JSX } from "preact";
import { signal } from "@preact/signals-core";
import { speakAlso } from "../i18n";
import { ADMIN_TEXTS } from "./admin/texts";

interface FormProps {
  readonly close: () => void;
}

const form = signal<{ readonly Form: ComponentType<FormProps> } | null>(null);

export function openLikeThis(): void {
  void Promise.all([import("./likethis"), speakAlso(ADMIN_TEXTS)]).then(([{ LikeThis }]) => {
    form.value = { Form: LikeThis };
  });
}

export function LikeThisPlace(): JSX.Element | null {
  const Form = form.value?.Form;
  return Form ? <Form close={() => (form.value = null)} /> : null;
}
