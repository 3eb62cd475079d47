// The study list: one line to search in, filters, and as many rows as there are studies.
import { signal, useSignalEffect } from "@preact/signals";
import type { ComponentType, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { speakAlso, t } from "../i18n";
import { bindKeys, keyName } from "../input/keymap";
import { go, viewerAddress } from "../state/route";
import { narrow } from "../state/screen";
import { bindRefresh, bindSearch, choose, failure, filter, found, isSettled, searchAgain, searching, selected } from "../state/studies";
import { chosenStudies, toggleChosen } from "../state/saved";
import { EVERYTHING, isNarrowed } from "../state/filter";
import { AccountMenu, LanguageMenu } from "./account";
import { Brand } from "./brand";
import { Filters } from "./filters";
import { LIST_TEXTS } from "./listtexts";
import { FailureNotice, Notice } from "./notice";
import { Icon } from "./icons";
import { RemovalPlace } from "./removal";
import { ListButtons, ListSheets } from "./savedfilters";
import { StudyRows } from "./studyrows";
import { UploadButton, UploadPlace } from "./upload/way";
import "./list.css";

const ROWS_OF_A_PAGE = 12;

export async function start(): Promise<ComponentType> {
  await speakAlso(LIST_TEXTS);
  return StudyList;
}

function StudyList(): JSX.Element {
  const search = useRef<HTMLInputElement>(null);

  useEffect(bindSearch, []);
  useEffect(bindRefresh, []);
  useSignalEffect(openAwaited);
  useEffect(() => {
    document.title = `${t("list.title")} – Filmless`;
  });
  useEffect(() => {
    if (!matchMedia("(pointer: coarse)").matches) search.current?.focus();
    const actions = new Map([["/", () => search.current?.select()], ...listKeys()]);
    return bindKeys(window, () => actions);
  }, []);

  return (
    <div class="list">
      <header>
        <div class="list-top">
          <h1 class="unseen">{t("list.title")}</h1>
          <Brand />
          <SearchLine input={search} />
          <div class="list-menus">
            <UploadButton />
            <LanguageMenu />
            <AccountMenu />
          </div>
        </div>
        <Filters>
          <Chosen />
          <Count />
          <ListButtons />
        </Filters>
      </header>
      <main class="list-main" aria-busy={searching.value}>
        <Found />
      </main>
      <UploadPlace />
      <RemovalPlace />
      <ListSheets />
    </div>
  );
}

/** The keys of the list, also while the search line is typed in. */
function listKeys(): [string, () => void][] {
  return [
    ["arrowdown", () => choose(selected.peek() + 1)],
    ["arrowup", () => choose(selected.peek() - 1)],
    ["pagedown", () => choose(selected.peek() + ROWS_OF_A_PAGE)],
    ["pageup", () => choose(selected.peek() - ROWS_OF_A_PAGE)],
    ["home", () => choose(0)],
    ["end", () => choose((found.peek()?.total ?? 1) - 1)],
    ["shift+arrowdown", () => chooseAndStep(1)],
    ["shift+arrowup", () => chooseAndStep(-1)],
    ["enter", openSelected],
    ["escape", () => (filter.value = { ...filter.peek(), words: "" })],
  ];
}

const TYPING_KEYS: ReadonlySet<string> = new Set(["arrowdown", "arrowup", "shift+arrowdown", "shift+arrowup", "pagedown", "pageup", "enter", "escape"]);

/** Enter was pressed before the answer was here. */
const awaited = signal(false);

function openSelected(): void {
  if (chosenStudies.peek().length > 0) return openChosen();
  if (isSettled.peek()) openRow(selected.peek());
  else awaited.value = true;
}

/** Opens what Enter waited for, if it can only be that one. */
function openAwaited(): void {
  if (!awaited.value || !isSettled.value) return;
  awaited.value = false;
  if (found.peek()?.total === 1) openRow(0);
}

function openRow(index: number): void {
  const study = found.peek()?.rows.get(index);
  if (study) go(viewerAddress([study.study_instance_uid]));
}

function SearchLine({ input }: { readonly input: { current: HTMLInputElement | null } }): JSX.Element {
  const { words } = filter.value;
  const write = (text: string): void => {
    awaited.value = false;
    filter.value = { ...filter.peek(), words: text };
  };

  const onKeyDown = (event: KeyboardEvent): void => {
    const key = keyName(event);
    // A composing key belongs to the input method: Enter accepts the Vietnamese word, it opens nothing.
    if (event.isComposing || !TYPING_KEYS.has(key)) return;
    event.preventDefault();
    listKeys().find(([name]) => name === key)?.[1]();
  };

  return (
    <div class="search" role="search">
      <Icon name="search" />
      <input
        ref={input}
        class="field"
        type="text"
        inputMode="search"
        enterkeyhint="search"
        value={words}
        placeholder={t("list.search_hint")}
        aria-label={t("list.search")}
        role="combobox"
        aria-expanded="true"
        aria-controls="studies"
        aria-activedescendant={`study-${selected.value}`}
        autocomplete="off"
        autocapitalize="none"
        spellcheck={false}
        onInput={(event) => write(event.currentTarget.value)}
        onKeyDown={onKeyDown}
      />
      {words ? (
        <button type="button" class="button" aria-label={t("list.clear")} title={t("list.clear")} onClick={() => (write(""), input.current?.focus())}>
          <Icon name="close" />
        </button>
      ) : (
        !narrow.value && <kbd aria-hidden="true">/</kbd>
      )}
    </div>
  );
}

/** Studies to be opened together. */
function Chosen(): JSX.Element | null {
  const uids = chosenStudies.value;
  if (uids.length === 0) return null;
  return (
    <div class="list-chosen">
      <button type="button" class="button primary" onClick={openChosen}>
        {t("launch.together", { n: uids.length })}
      </button>
      <button type="button" class="button" aria-label={t("list.choose_none")} title={t("list.choose_none")} onClick={() => (chosenStudies.value = [])}>
        <Icon name="close" />
      </button>
    </div>
  );
}

function openChosen(): void {
  go(viewerAddress(chosenStudies.peek()));
}

/** Chooses the row and goes on to the next, as lists of files do. */
function chooseAndStep(steps: number): void {
  const study = found.peek()?.rows.get(selected.peek());
  if (study && isSettled.peek()) toggleChosen(study.study_instance_uid);
  choose(selected.peek() + steps);
}

function Count(): JSX.Element {
  const total = found.value?.total;
  return (
    <p class="list-count numbers" role="status">
      {total === undefined ? t("list.searching") : t("list.count", { n: total })}
    </p>
  );
}

function Found(): JSX.Element {
  const failed = failure.value;
  if (failed && failed.status !== -1) return <FailureNotice failed={failed} retry={searchAgain} />;
  if (found.value?.total === 0 && !searching.value) return <NothingFound />;
  return <StudyRows />;
}

function NothingFound(): JSX.Element {
  const { words } = filter.value;
  if (words.trim() === "" && !isNarrowed(filter.value)) return <Notice icon="images" title={t("list.empty")} />;
  return (
    <Notice icon="search" title={t("list.none")} hint={t("list.none_hint")}>
      <button type="button" class="button framed" onClick={() => (filter.value = EVERYTHING)}>
        {t("list.clear_filters")}
      </button>
    </Notice>
  );
}
