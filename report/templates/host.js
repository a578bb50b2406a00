// The onload of the frame with the story, in a report of Snakemake 9, whose object app switches between views.
((frame) => {
  const narrow = () => window.innerWidth < 900;
  const go = (anchor) => frame.contentWindow.postMessage({study: 'go', anchor}, '*');
  if (window.studyAnchor) go(window.studyAnchor);
  window.studyAnchor = '';
  if (window.studyIsHost || typeof app === 'undefined') return; // read on its own, it has no menu
  window.studyIsHost = true;
  const story = (anchor) => {
    const current = document.querySelector('.study-landing iframe');
    window.studyAnchor = anchor;
    app.setView({content: 'rulegraph', story: true});
    if (current) current.contentWindow.postMessage({study: 'go', anchor}, '*');
  };
  const open = (page, anchor) => {
    const path = Object.keys(results).find((one) => one.endsWith('/' + page));
    if (!path) return story(anchor);
    app.setView({content: 'html', contentPath: results[path].data_uri + (anchor ? '#' + anchor : ''), resultPath: path});
    // Behind the click, because the menu's links lead to '#'.
    setTimeout(() => {
      history.replaceState(null, '', '#' + page + (anchor ? ':' + anchor : ''));
      document.querySelector('iframe').title = page;
    });
  };
  const setView = app.setView;
  app.setView = (view) => {
    const home = view.content === 'metadata' && !Object.keys(metadata).length;
    if (view.content) document.documentElement.classList.toggle('study-graph', view.content === 'rulegraph' && !view.story);
    setView({...view, content: home ? 'rulegraph' : view.content, hideNavbar: view.hideNavbar || (narrow() && Boolean(view.content))});
  };
  const showCategory = app.showCategory;
  app.showCategory = (category) => {
    const paths = Object.values(categories[category]).flat();
    const page = paths[0].split('/').pop();
    if (paths.length === 1 && page.endsWith('.html')) open(page, '');
    else showCategory(category);
  };
  window.addEventListener('message', ({data}) => {
    if (data?.study === 'open') open(data.page, data.anchor);
    if (data?.study === 'at') history.replaceState(null, '', '#' + data.anchor);
  });
  window.addEventListener('beforeprint', () => {
    const current = document.querySelector('.study-landing iframe');
    if (current) current.style.height = 1.4 * current.contentDocument.documentElement.scrollHeight + 'px';
  });
  window.addEventListener('afterprint', () => {
    const current = document.querySelector('.study-landing iframe');
    if (current) current.style.height = '';
  });
  const [page, anchor] = decodeURIComponent(location.hash.slice(1)).split(':');
  if (page.endsWith('.html')) open(page, anchor);
  else {
    app.setView({hideNavbar: narrow()});
    if (page) go(page);
  }
})(this)
