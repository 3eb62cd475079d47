// The gallery of key images, and publishing them with what was drawn.
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { language, t } from "../i18n";
import { instantText } from "../i18n/instant";
import type { HowToPublish } from "../net/annotations";
import type { Failed } from "../net/api";
import { hasOwn, mayAnnotate, publicationsOf, publish } from "../state/kept";
import { isMine, starred, unstar, type Starred } from "../state/keyimages";
import { saving } from "../state/outbox";
import { activeStudy, summaryOf } from "../state/reading";
import { viewports } from "../tools/viewports";
import { Icon } from "./icons";
import { documentShown, frameIndex, jumpToPlace } from "./jump";
import { sentenceOf } from "./notice";
import { SaveLine } from "./savestate";
import "./kept.css";

const THUMBNAIL_PX = 160;

export function KeyImages(): JSX.Element {
  const all = starred.value;
  return (
    <>
      <SaveLine />
      {all.length === 0 && <p class="panel-bar">{t("kept.no_key_images")}</p>}
      <ul class="key-images">
        {all.map((each) => (
          <KeyImageItem key={each.image.id} starred={each} />
        ))}
      </ul>
      <Publishing />
    </>
  );
}

function KeyImageItem({ starred: { studyUid, image }, starred: each }: { readonly starred: Starred }): JSX.Element {
  const summary = summaryOf({ studyUid, seriesUid: image.series_instance_uid });
  const series = [summary?.series_number, summary?.series_description].filter((part) => part !== null && part !== undefined && part !== "").join(". ");
  const place = { on: "frame", study_instance_uid: studyUid, ...image } as const;
  const document = documentShown(image.series_instance_uid);
  const index = document && frameIndex(document, place);
  const name = index === null ? series : t("kept.image_of", { series, n: index + 1 });
  return (
    <li class="key-image">
      <button type="button" class="key-image-jump" data-action="to-key-image" onClick={() => jumpToPlace(place)}>
        <img src={pictureOf(each)} alt="" width={THUMBNAIL_PX} height={THUMBNAIL_PX} loading="lazy" />
        <span>{name || t("kept.key_image")}</span>
        <span class="where">{t("kept.by", { author: image.author })}</span>
      </button>
      {isMine(each) && (
        <button type="button" class="button" aria-label={`${t("kept.unstar")}: ${name}`} title={t("kept.unstar")} onClick={() => unstar(each)}>
          <Icon name="remove" />
        </button>
      )}
    </li>
  );
}

function pictureOf({ studyUid, image }: Starred): string {
  const instance = `/dicom-web/studies/${studyUid}/series/${image.series_instance_uid}/instances/${image.sop_instance_uid}`;
  return `${instance}/frames/${image.frame_number}/rendered?viewport=${THUMBNAIL_PX},${THUMBNAIL_PX}`;
}

const working = signal(false);
const failed = signal<Failed | null>(null);
const title = signal<HowToPublish["title"]>("of-interest");

function Publishing(): JSX.Element | null {
  const study = activeStudy.value;
  if (!study) return null;
  const uid = study.study_instance_uid;
  const isReady = mayAnnotate.value && hasOwn(uid) && saving.value === "saved" && !working.value;
  return (
    <section class="publishing" aria-label={t("kept.publish")}>
      <label>
        {t("kept.title")}
        <select class="field" value={title.value} onChange={({ currentTarget }) => (title.value = currentTarget.value as HowToPublish["title"])}>
          <option value="of-interest">{t("kept.of_interest")}</option>
          <option value="for-referring-provider">{t("kept.for_referring_provider")}</option>
        </select>
      </label>
      <p class="where">{t("kept.publish_hint")}</p>
      <button type="button" class="button primary" data-action="publish" disabled={!isReady} onClick={() => void publishNow(uid)}>
        {t("kept.publish")}
      </button>
      {failed.value && <p role="alert">{failed.value.status === 0 ? sentenceOf(failed.value) : t("kept.not_published", { reason: failed.value.reason })}</p>}
      <Published studyUid={uid} />
    </section>
  );
}

function Published({ studyUid }: { readonly studyUid: string }): JSX.Element {
  return (
    <ul class="published" aria-live="polite">
      {publicationsOf(studyUid).map(({ sop_instance_uid, kind, author, published_at }) => (
        <li key={sop_instance_uid} data-published={kind}>
          {t(`kept.published_${kind}`)} <span class="where">{[instantText(published_at), t("kept.by", { author })].join(" · ")}</span>
        </li>
      ))}
    </ul>
  );
}

async function publishNow(studyUid: string): Promise<void> {
  working.value = true;
  failed.value = await publish(studyUid, { language: language.peek(), title: title.peek(), windows: windowsShown() });
  working.value = false;
}

/** As each series is looked at now. */
function windowsShown(): HowToPublish["windows"] {
  const shown = new Map<string, HowToPublish["windows"][number]>();
  for (const viewport of viewports.peek().values()) {
    const [document, window] = [viewport.document.peek(), viewport.window.peek()];
    if (!document || !window) continue;
    const { center, width } = window;
    shown.set(document.series_instance_uid, { series_instance_uid: document.series_instance_uid, center, width, is_inverted: viewport.invert.peek() });
  }
  return [...shown.values()];
}
