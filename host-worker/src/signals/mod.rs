//! What sagas and webhooks tell of themselves. A component has no metrics and no tracer, only its log; the figures and spans are made from
//! its lines here, those of sagas also from a census now and then.

mod census;
mod lines;
mod spans;
mod webhooks;

pub(crate) use census::watch;

use anyhow::Result;
use kessai_host::{GuestLine, LogSink};
use lines::Line;
use spans::{Collector, Exporter};
use std::sync::Arc;

/// The component that drives sagas.
const COMPONENT: &str = "order";

/// Reads every line that components write.
#[derive(Debug)]
struct Reader {
    spans: Option<Collector>,
}

impl LogSink for Reader {
    fn take(&self, line: &GuestLine<'_>) {
        if line.component == webhooks::COMPONENT {
            return webhooks::count(line.fields);
        }
        if line.component != COMPONENT {
            return;
        }
        let Some(read) = Line::read(line.fields) else {
            return;
        };
        lines::count(&read);
        if let (Line::Transitions(steps), Some(spans)) = (&read, &self.spans) {
            spans.take(steps, line.request_id);
        }
    }
}

/// The sink for the host, and what must be finished after it.
#[derive(Debug)]
pub(crate) struct Signals {
    exporter: Option<Exporter>,
    sink: Arc<dyn LogSink>,
}

impl Signals {
    /// Counts from now on, and sends spans if the environment says where to (`OTEL_EXPORTER_OTLP_ENDPOINT`).
    pub(crate) fn start() -> Result<Signals> {
        let (collector, exporter) = spans::from_environment()?.unzip();
        Ok(Signals {
            exporter,
            sink: Arc::new(Reader { spans: collector }),
        })
    }

    pub(crate) fn sink(&self) -> Arc<dyn LogSink> {
        Arc::clone(&self.sink)
    }

    /// Sends what is left. Nothing is written any more.
    pub(crate) async fn finish(self) {
        if let Some(exporter) = self.exporter {
            exporter.finish().await;
        }
    }
}
