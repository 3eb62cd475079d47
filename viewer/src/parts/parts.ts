// Everything that makes the reading page a reading room. Fetched when the first picture is on screen.
import { addPart, type Part } from "../ui/parts";
import { kept } from "./kept";
import { measure } from "./measure";
import { others } from "./objects";
import { room } from "./room";
import { screen } from "./screen";
import { space } from "./space";
import { shell } from "./shell";

/** In the order in which their layers lie over a picture, and their hooks are asked: the last first. */
const PARTS: readonly Part[] = [others, room, space, measure, kept, screen, shell];

export async function startParts(): Promise<void> {
  for (const part of PARTS) await addPart(part);
}
