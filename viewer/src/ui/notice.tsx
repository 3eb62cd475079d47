// A sentence in an otherwise empty place: nothing here, or something went wrong.
import type { ComponentChildren, JSX } from "preact";
import { t } from "../i18n";
import type { Failed } from "../net/api";
import { Icon, type IconName } from "./icons";

interface NoticeProps {
  readonly icon: IconName;
  readonly title: string;
  readonly hint?: string;
  readonly children?: ComponentChildren;
}

export function Notice({ icon, title, hint, children }: NoticeProps): JSX.Element {
  return (
    <div class="notice" role="status">
      <Icon name={icon} />
      <strong>{title}</strong>
      {hint !== undefined && <p>{hint}</p>}
      {children}
    </div>
  );
}

export function FailureNotice({ failed, retry }: { readonly failed: Failed; readonly retry: () => void }): JSX.Element {
  return (
    <Notice icon="warning" title={sentenceOf(failed)}>
      <button type="button" class="button framed" onClick={retry}>
        {t("retry")}
      </button>
    </Notice>
  );
}

/** What went wrong, for a person. The reason the server gives is in English and for the log. */
export function sentenceOf({ status }: Failed): string {
  if (status === 0) return t("unreachable");
  if (status === 403) return t("forbidden");
  return t(status === 404 || status === 410 ? "read.no_study" : "failed");
}
