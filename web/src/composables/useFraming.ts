import { computed, onMounted, onScopeDispose, ref } from 'vue';
import type { Ref, ShallowRef } from 'vue';
import type { Box, Layout } from '@/sagas/layout';

/** Smaller than this, names cannot be read: then a part is shown, and one moves about. */
const SMALLEST = 0.65;
/** Pixels. */
const TALLEST = 1040;

interface Viewport {
  x: number;
  y: number;
  zoom: number;
}

interface Framing {
  frame: Readonly<ShallowRef<HTMLElement | null>>;
  flow: { setViewport: (to: Viewport, options?: { duration: number }) => Promise<boolean>; getViewport: () => Viewport };
  layout: Ref<Layout>;
  /** What must be seen when not everything can be. */
  focus: () => Box | undefined;
}

/** Shows a diagram as large as it can be read and as small as it must be, in a frame as high as it needs. */
export function useFraming({ frame, flow, layout, focus }: Framing) {
  const width = ref(0);
  const highest = ref(TALLEST);
  const zoom = computed(() => (width.value === 0 ? 1 : Math.min(1, Math.max(SMALLEST, width.value / layout.value.width))));
  const height = computed(() => Math.ceil(Math.max(120, Math.min(layout.value.height * zoom.value, highest.value))));

  function measure(): void {
    width.value = frame.value?.clientWidth ?? 0;
    // On a phone there must be something left to scroll the page by.
    highest.value = width.value < 600 ? Math.max(320, window.innerHeight * 0.6) : TALLEST;
  }

  function place(): void {
    measure();
    const middle = centre(focus());
    void flow.setViewport({ ...shift(middle.x, middle.y, zoom.value), zoom: zoom.value });
  }

  /** Moves the diagram so that something in it is seen. */
  function reveal(box: Box): void {
    // The browser scrolls to what has the focus; here the viewport moves instead.
    for (const element of frame.value?.querySelectorAll('.vue-flow, .vue-flow__viewport') ?? []) element.scrollTo(0, 0);
    frame.value?.scrollTo(0, 0);
    const now = flow.getViewport();
    const [left, top] = [box.x * now.zoom + now.x, box.y * now.zoom + now.y];
    const seen = left >= 0 && top >= 0 && left + box.width * now.zoom <= width.value && top + box.height * now.zoom <= height.value;
    if (seen) return;
    const middle = centre(box);
    void flow.setViewport({ ...shift(middle.x, middle.y, now.zoom), zoom: now.zoom }, { duration: 200 });
  }

  /** Where the diagram lies for a point of it to be in the middle, without leaving the frame empty at an edge. */
  function shift(x: number, y: number, scale: number): { x: number; y: number } {
    return {
      x: within(width.value, layout.value.width * scale, x * scale),
      y: within(height.value, layout.value.height * scale, y * scale),
    };
  }

  let observer: ResizeObserver | undefined;
  onMounted(() => {
    observer = new ResizeObserver(() => {
      if (frame.value && frame.value.clientWidth !== width.value) place();
    });
    if (frame.value) observer.observe(frame.value);
  });
  onScopeDispose(() => observer?.disconnect());

  return { height, place, reveal };
}

function centre(box: Box | undefined): { x: number; y: number } {
  return box === undefined ? { x: 0, y: 0 } : { x: box.x + box.width / 2, y: box.y + box.height / 2 };
}

function within(frame: number, content: number, middle: number): number {
  if (content <= frame) return (frame - content) / 2;
  return Math.min(0, Math.max(frame - content, frame / 2 - middle));
}
