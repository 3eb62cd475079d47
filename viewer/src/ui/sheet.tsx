// A dialog over the page; on a phone a sheet from the bottom edge, which a finger can push down again.
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { t } from "../i18n";
import { bindGestures } from "../input/gestures";
import { Icon } from "./icons";

interface SheetProps {
  readonly title: string;
  readonly close: () => void;
  readonly class?: string;
  /** What has been filled in is not lost by a press beside it. */
  readonly firm?: boolean;
  readonly children: ComponentChildren;
}

const PUSH_PX = 48;

export function Sheet({ title, close, firm = false, children, ...rest }: SheetProps): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const head = useRef<HTMLHeadingElement>(null);

  useEffect(() => {
    const element = dialog.current!;
    const before = document.activeElement;
    element.showModal();
    const unbind = bindGestures(head.current!, {
      dragEnd: ({ at, from }) => {
        if (at.y - from.y > PUSH_PX) close();
      },
    });
    return () => {
      unbind();
      element.close();
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);

  const closeOutside = (event: MouseEvent): void => {
    if (event.target === dialog.current && !firm) close();
  };

  // Escape: the page takes the sheet away, and it is gone once the focus is back.
  const onCancel = (event: Event): void => {
    event.preventDefault();
    close();
  };

  // It is told of being closed also after it was taken away: then another one may be open.
  const onClose = (event: Event): void => {
    if ((event.currentTarget as HTMLDialogElement).isConnected) close();
  };

  return (
    <dialog
      ref={dialog}
      class={`sheet ${rest.class ?? ""}`}
      aria-label={title}
      onCancel={onCancel}
      onClose={onClose}
      onClick={closeOutside}
      onKeyDown={(event) => event.stopPropagation()}
    >
      <div class="sheet-head">
        <h2 ref={head}>{title}</h2>
        <button type="button" class="button" aria-label={t("close")} title={t("close")} onClick={close}>
          <Icon name="close" />
        </button>
      </div>
      <div class="sheet-body">{children}</div>
    </dialog>
  );
}
