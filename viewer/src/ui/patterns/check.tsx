// A check: one pattern after the other over the whole screen, and what is seen of each.
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { bindKeys } from "../../input/keymap";
import { t } from "../../i18n";
import { recordCheck, type ScreenFacts, type Workstation } from "../../net/displays";
import { workstation } from "../../state/workstation";
import { Icon } from "../icons";
import { PatternCanvas } from "./canvas";
import { QUESTIONS, type Question } from "./questions";

type Answers = Readonly<Partial<Record<Question, boolean>>>;

interface CheckProps {
  readonly done: (kept: Workstation) => void;
  readonly leave: () => void;
}

export function Check({ done, leave }: CheckProps): JSX.Element {
  const [step, setStep] = useState(0);
  const [answers, setAnswers] = useState<Answers>({});
  const [bare, setBare] = useState(false);
  const shown = QUESTIONS[step];

  useEffect(() => bindKeys(window, () => new Map([["escape", leave]])), []);
  useFullScreen();

  if (!shown) return <Outcome answers={answers} back={() => setStep(step - 1)} done={done} leave={leave} />;
  return (
    <div class="pattern-page" role="dialog" aria-modal="true" aria-label={t("pattern.title")}>
      <PatternCanvas pattern={shown.pattern} onPress={() => setBare(!bare)} />
      {!bare && (
        <form
          class="pattern-panel"
          onSubmit={(event) => {
            event.preventDefault();
            setStep(step + 1);
          }}
        >
          <header>
            <b>{t(`pattern.${shown.pattern}`)}</b>
            <span class="numbers">{`${step + 1} / ${QUESTIONS.length}`}</span>
            <button type="button" class="button" aria-label={t("close")} title={t("close")} onClick={leave}>
              <Icon name="close" />
            </button>
          </header>
          {shown.asked.map((question) => (
            <Asked key={question} question={question} answer={answers[question]} tell={(answer) => setAnswers({ ...answers, [question]: answer })} />
          ))}
          <footer>
            <small>{t("pattern.hide")}</small>
            <button type="button" class="button framed" disabled={step === 0} onClick={() => setStep(step - 1)}>
              {t("pattern.back")}
            </button>
            <button type="submit" class="button primary" disabled={shown.asked.some((question) => answers[question] === undefined)}>
              {t("pattern.next")}
            </button>
          </footer>
        </form>
      )}
    </div>
  );
}

interface AskedProps {
  readonly question: Question;
  readonly answer: boolean | undefined;
  readonly tell: (answer: boolean) => void;
}

function Asked({ question, answer, tell }: AskedProps): JSX.Element {
  return (
    <fieldset class="pattern-question">
      <legend>{t(`asked.${question}`)}</legend>
      {[true, false].map((each) => (
        <label key={String(each)} class="button framed">
          <input type="radio" name={question} checked={answer === each} onChange={() => tell(each)} />
          {t(each ? "pattern.yes" : "pattern.no")}
        </label>
      ))}
    </fieldset>
  );
}

interface OutcomeProps extends CheckProps {
  readonly answers: Answers;
  readonly back: () => void;
}

/** What comes of the answers, a note, and keeping them. */
function Outcome({ answers, back, done, leave }: OutcomeProps): JSX.Element {
  const [note, setNote] = useState("");
  const [failed, setFailed] = useState(false);
  const wrong = QUESTIONS.flatMap(({ asked }) => asked).filter((question) => answers[question] === false);

  const keep = async (event: Event): Promise<void> => {
    event.preventDefault();
    const patterns = QUESTIONS.map(({ pattern, asked }) => ({ pattern, answers: Object.fromEntries(asked.map((question) => [question, answers[question] === true])) }));
    const answer = await recordCheck(workstation.peek(), patterns, screenFacts(), note);
    if (answer.ok) done(answer.value);
    else setFailed(true);
  };

  return (
    <div class="pattern-page" role="dialog" aria-modal="true" aria-label={t("pattern.title")}>
      <form class="pattern-panel outcome" onSubmit={(event) => void keep(event)}>
        <b>{t(wrong.length === 0 ? "pattern.all_good" : "pattern.not_good")}</b>
        {wrong.length > 0 && (
          <ul>
            {wrong.map((question) => (
              <li key={question}>{t(`asked.${question}`)}</li>
            ))}
          </ul>
        )}
        {wrong.length > 0 && <p>{t("pattern.what_to_do")}</p>}
        <label>
          {t("pattern.note")}
          <input class="field" maxLength={1000} value={note} onInput={(event) => setNote(event.currentTarget.value)} />
        </label>
        {failed && (
          <p class="pattern-problem" role="alert">
            {t("failed")}
          </p>
        )}
        <footer>
          <button type="button" class="button framed" onClick={leave}>
            {t("pattern.discard")}
          </button>
          <button type="button" class="button framed" onClick={back}>
            {t("pattern.back")}
          </button>
          <button type="submit" class="button primary">
            {t("pattern.keep")}
          </button>
        </footer>
      </form>
    </div>
  );
}

export function screenFacts(): ScreenFacts {
  const { width, height, colorDepth } = globalThis.screen;
  return {
    width: Math.round(width * devicePixelRatio),
    height: Math.round(height * devicePixelRatio),
    pixel_ratio: devicePixelRatio,
    colour_depth: colorDepth,
  };
}

/** The whole screen while the patterns are up; where the browser does not let us, its window has to do. */
function useFullScreen(): void {
  useEffect(() => {
    document.documentElement.requestFullscreen?.().catch(() => undefined);
    return () => {
      if (document.fullscreenElement) void document.exitFullscreen();
    };
  }, []);
}
